"""Pipeline `caption_pairs`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.captioning.captions import caption_pairs


def create_pipeline(**_) -> Pipeline:
    """Evaluation pairs -> captions of their low-resolution side: all that inference may know."""
    inputs = ["pairs", "caption_settings", "pair_captions_folder"]
    return Pipeline([node(caption_pairs, inputs, "pair_captions", name="caption_pairs", tags="weights.caption")])
