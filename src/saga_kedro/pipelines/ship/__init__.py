"""Pipeline `ship`: a trained model into the package."""

from saga_kedro.pipelines.ship.pipeline import create_pipeline

__all__ = ["create_pipeline"]
