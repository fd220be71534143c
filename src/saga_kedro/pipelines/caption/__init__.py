"""Pipeline `caption`: clips to sentences, one a window."""

from saga_kedro.pipelines.caption.pipeline import create_pipeline

__all__ = ["create_pipeline"]
