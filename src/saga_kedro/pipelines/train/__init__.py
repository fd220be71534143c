"""Pipeline `train`: everything, in order, from nothing."""

from saga_kedro.pipelines.train.pipeline import create_pipeline

__all__ = ["create_pipeline"]
