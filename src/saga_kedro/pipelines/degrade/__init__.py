"""Pipeline `degrade`: clips of the test split to evaluation pairs."""

from saga_kedro.pipelines.degrade.pipeline import create_pipeline

__all__ = ["create_pipeline"]
