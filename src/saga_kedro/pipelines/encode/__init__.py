"""Pipeline `encode`: sentences to text states."""

from saga_kedro.pipelines.encode.pipeline import create_pipeline

__all__ = ["create_pipeline"]
