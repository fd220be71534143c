"""Pipeline `encode`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.encode.nodes import encode_latents, encode_text


def create_pipeline(**_) -> Pipeline:
    """Captions -> text states, each sentence once. For slow codecs: clips and captions -> shards of latents."""
    return pipeline(
        [
            node(
                encode_text,
                inputs=["captions", "model_settings", "encode_settings", "text_states_file"],
                outputs="text_index",
                name="encode_text",
            ),
            node(
                encode_latents,
                inputs=["clips", "captions", "data_version", "settings", "latents_folder"],
                outputs="latents",
                name="encode_latents",
            ),
        ]
    )
