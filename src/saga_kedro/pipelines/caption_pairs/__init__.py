"""Pipeline `caption_pairs`: the low-resolution side of evaluation pairs to sentences."""

from saga_kedro.pipelines.caption_pairs.pipeline import create_pipeline

__all__ = ["create_pipeline"]
