"""Pipeline `evaluate_pairs`: scores a model, and other systems, on pairs that came as pairs."""

from saga_kedro.pipelines.evaluate_pairs.pipeline import create_pipeline

__all__ = ["create_pipeline"]
