"""Pipeline `sweep`: varies how a trained model is sampled."""

from saga_kedro.pipelines.sweep.pipeline import create_pipeline

__all__ = ["create_pipeline"]
