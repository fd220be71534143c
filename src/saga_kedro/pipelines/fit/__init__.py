"""Pipeline `fit`: trains the model and saves it."""

from saga_kedro.pipelines.fit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
