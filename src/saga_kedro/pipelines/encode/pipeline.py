"""Pipeline `encode`: captions to text states, each sentence once; for slow codecs also clips to cached latents."""

from kedro.pipeline import Pipeline, node

from saga_kedro.training.encode import encode_latents, encode_text


def create_pipeline(**_) -> Pipeline:
    text = ["captions", "settings", "text_states_file"]
    latents = ["clips", "captions", "data_version", "settings", "latents_folder"]
    return Pipeline(
        [
            node(encode_text, text, "text_index", name="encode_text", tags="weights.text"),
            node(encode_latents, latents, "latents", name="encode_latents", tags=["weights.text", "weights.codec"]),
        ]
    )
