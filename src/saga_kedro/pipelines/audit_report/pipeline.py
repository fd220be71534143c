"""Pipeline `audit_report`: draws the audit's page again from its saved findings."""

from kedro.pipeline import Pipeline, node

from saga_kedro.audit.steps import draw_again


def create_pipeline(**_) -> Pipeline:
    inputs = ["settings", "audit_issues_file", "audit_report_folder"]
    return Pipeline([node(draw_again, inputs, "audit_report", name="draw_audit_report")])
