"""Pipeline `caption`: clips to sentences, one for each window."""

from kedro.pipeline import Pipeline, node

from saga_kedro.captioning.captions import caption


def create_pipeline(**_) -> Pipeline:
    inputs = ["clips", "caption_settings", "captions_folder"]
    return Pipeline([node(caption, inputs, "captions", name="caption", tags="weights.caption")])
