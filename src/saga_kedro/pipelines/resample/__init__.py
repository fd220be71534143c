"""Pipeline `resample`: clips to 44.1 kHz FLAC."""

from saga_kedro.pipelines.resample.pipeline import create_pipeline

__all__ = ["create_pipeline"]
