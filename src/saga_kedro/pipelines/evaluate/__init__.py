"""Pipeline `evaluate`: scores a model on the evaluation pairs."""

from saga_kedro.pipelines.evaluate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
