"""Pipeline `audit`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.audit.nodes import (
    check_clearances,
    climb_ladder,
    judge,
    measure_symptoms,
    prepare,
    run_arms,
    write_report,
)

TABLES = ["audit_rows", "audit_verdicts", "audit_clearances", "audit_symptoms", "audit_ladder"]


def create_pipeline(**_) -> Pipeline:
    """Clips, captions and pairs -> the audit's data -> arms, symptoms, verdicts, clearances, ladder -> report."""
    tables = ["clips", "captions", "pairs", "pair_captions", "data_version"]
    settings = ["all_parameters", "audit_issues_file", "audit_folders", "mlflow_experiment"]
    return pipeline(
        [
            node(prepare, inputs=[*tables, *settings], outputs="audit_data", name="prepare_audit"),
            node(run_arms, inputs="audit_data", outputs="audit_rows", name="run_arms"),
            node(check_clearances, inputs="audit_data", outputs="audit_clearances", name="check_clearances"),
            node(climb_ladder, inputs="audit_data", outputs="audit_ladder", name="climb_ladder"),
            node(
                measure_symptoms,
                inputs=["audit_data", "audit_rows", "audit_ladder"],
                outputs="audit_symptoms",
                name="measure_symptoms",
            ),
            node(judge, inputs=["audit_data", "audit_rows", "audit_symptoms"], outputs="audit_verdicts", name="judge"),
            node(write_report, inputs=["audit_data", *TABLES], outputs="audit_report", name="write_audit_report"),
        ]
    )
