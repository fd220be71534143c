"""Pipeline `report`: everything that an evaluation found, in one file that opens from disk."""

from saga_kedro.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
