"""Pipeline `evaluate`: scores a saved model on evaluation pairs, and keeps examples to hear and see."""

from kedro.pipeline import Pipeline, node

from saga_kedro.evaluation.model_scores import find_model, score_model
from saga_kedro.reporting.examples import write_examples
from saga_kedro.reporting.results import summarise


def model_to_judge() -> Pipeline:
    """Read the saved model that `evaluate.model` names. A pipeline that trains one replaces this node."""
    return Pipeline([node(find_model, "judged_folder", "model_summary", name="find_model")])


def create_pipeline(**_) -> Pipeline:
    return model_to_judge() + Pipeline(
        [
            node(
                score_model,
                ["pairs", "pair_captions", "model_summary", "settings", "outputs_folder"],
                ["outputs", "scores"],
                name="score",
                tags=["weights.text", "weights.codec"],
            ),
            node(
                summarise,
                ["scores", "model_summary", "data_version", "paper_targets", "settings"],
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
