"""Pipeline `evaluate`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.evaluation.frechet import set_distances
from saga_kedro.evaluation.model_scores import find_model, score_model
from saga_kedro.reporting.examples import write_examples
from saga_kedro.reporting.results import summarise


def model_to_judge() -> Pipeline:
    """The folder of a saved model -> what is to be known of it. Where a model is being trained, the training says that."""
    return Pipeline([node(find_model, "judged_folder", "model_summary", name="find_model")])


def create_pipeline(**_) -> Pipeline:
    """A saved model and evaluation pairs -> scores, their summary, examples to hear and see."""
    return model_to_judge() + Pipeline(
        [
            node(
                score_model,
                ["pairs", "pair_captions", "model_summary", "settings", "outputs_folder"],
                ["outputs", "scores"],
                name="score",
                tags=["weights.text", "weights.codec"],
            ),
            node(set_distances, ["pairs", "outputs", "evaluate_settings", "outputs_folder"], "distances", name="measure_sets"),
            node(
                summarise,
                ["scores", "distances", "model_summary", "data_version", "paper_targets", "settings"],
                ["summary", "metrics", "summary_to_mlflow"],
                name="summarise",
            ),
            node(
                write_examples,
                ["pairs", "outputs", "evaluate_settings", "examples_folder"],
                ["examples", "examples_to_mlflow"],
                name="show_examples",
            ),
        ]
    )
