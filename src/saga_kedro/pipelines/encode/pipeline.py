"""Pipeline `encode`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.encode.nodes import encode_text


def create_pipeline(**_) -> Pipeline:
    """Captions -> text states, each sentence once."""
    return pipeline(
        [
            node(
                encode_text,
                inputs=["captions", "params:model", "text_states_file"],
                outputs="text_index",
                name="encode_text",
            )
        ]
    )
