"""Pipeline `evaluate`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.evaluate.nodes import find_model, measure_sets, score, show_examples, summarise


def model_to_judge() -> Pipeline:
    """The folder of a saved model -> what is to be known of it. Where a model is being trained, the training says that."""
    return pipeline([node(find_model, inputs="judged_folder", outputs="model_summary", name="find_model")])


def create_pipeline(**_) -> Pipeline:
    """A saved model and evaluation pairs -> scores, their summary, examples to hear and see."""
    judged = pipeline(
        [
            node(
                score,
                inputs=["pairs", "pair_captions", "model_summary", "settings", "outputs_folder"],
                outputs=["outputs", "scores"],
                name="score",
            ),
            node(
                measure_sets,
                inputs=["pairs", "outputs", "evaluate_settings", "outputs_folder"],
                outputs="distances",
                name="measure_sets",
            ),
            node(
                summarise,
                inputs=["scores", "distances", "model_summary", "data_version", "paper_targets", "settings"],
                outputs=["summary", "metrics"],
                name="summarise",
            ),
            node(
                show_examples,
                inputs=["pairs", "outputs", "evaluate_settings", "examples_folder"],
                outputs="examples",
                name="show_examples",
            ),
        ]
    )
    return model_to_judge() + judged
