"""Pipeline `caption_pairs`: the low-resolution side of evaluation pairs to sentences. Inference may know nothing else."""

from kedro.pipeline import Pipeline, node

from saga_kedro.captioning.captions import caption_pairs


def create_pipeline(**_) -> Pipeline:
    inputs = ["pairs", "caption_settings", "pair_captions_folder"]
    return Pipeline([node(caption_pairs, inputs, "pair_captions", name="caption_pairs", tags="weights.caption")])
