"""Pipeline `targets`: the paper's numbers into MLflow, beside ours."""

from saga_kedro.pipelines.targets.pipeline import create_pipeline

__all__ = ["create_pipeline"]
