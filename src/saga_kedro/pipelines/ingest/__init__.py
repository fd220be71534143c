"""Pipeline `ingest`: a source of audio to a manifest of clips."""

from saga_kedro.pipelines.ingest.pipeline import create_pipeline

__all__ = ["create_pipeline"]
