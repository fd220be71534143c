"""Pipeline `caption_pairs`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.caption_pairs.nodes import caption_pairs


def create_pipeline(**_) -> Pipeline:
    """Evaluation pairs -> captions of their low-resolution side: all that inference may know."""
    return pipeline(
        [
            node(
                caption_pairs,
                inputs=["pairs", "caption_settings", "pair_captions_folder"],
                outputs="pair_captions",
                name="caption_pairs",
            )
        ]
    )
