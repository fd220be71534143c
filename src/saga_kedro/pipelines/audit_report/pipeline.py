"""Pipeline `audit_report`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.audit.steps import draw_again


def create_pipeline(**_) -> Pipeline:
    """Findings of an audit -> its page."""
    inputs = ["settings", "audit_issues_file", "audit_report_folder"]
    return Pipeline([node(draw_again, inputs, "audit_report", name="draw_audit_report")])
