"""Pipeline `audit`: runs every suspicion and says what the data say."""

from saga_kedro.pipelines.audit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
