"""Pipeline `caption`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.caption.nodes import caption


def create_pipeline(**_) -> Pipeline:
    """Clips -> captions."""
    return pipeline(
        [
            node(
                caption,
                inputs=["clips", "caption_settings", "captions_folder"],
                outputs="captions",
                name="caption",
            )
        ]
    )
