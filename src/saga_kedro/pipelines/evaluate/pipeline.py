"""Pipeline `evaluate`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.evaluate.nodes import score, show_examples, summarise


def create_pipeline(**_) -> Pipeline:
    """A saved model and evaluation pairs -> scores, their summary, examples to hear and see."""
    return pipeline(
        [
            node(
                score,
                inputs=["pairs", "pair_captions", "model_summary", "parameters", "outputs_folder"],
                outputs=["outputs", "scores"],
                name="score",
            ),
            node(
                summarise,
                inputs=["scores", "model_summary", "data_version"],
                outputs=["summary", "metrics"],
                name="summarise",
            ),
            node(
                show_examples,
                inputs=["pairs", "outputs", "params:evaluate", "examples_folder"],
                outputs="examples",
                name="show_examples",
            ),
        ]
    )
