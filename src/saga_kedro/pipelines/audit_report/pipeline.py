"""Pipeline `audit_report`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.audit_report.nodes import draw_again


def create_pipeline(**_) -> Pipeline:
    """Findings of an audit -> its page."""
    settings = ["settings", "audit_issues_file", "audit_folders"]
    return pipeline([node(draw_again, inputs=settings, outputs="audit_report", name="draw_audit_report")])
