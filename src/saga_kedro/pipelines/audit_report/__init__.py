"""Pipeline `audit_report`: draws the audit's page again, from what was saved."""

from saga_kedro.pipelines.audit_report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
