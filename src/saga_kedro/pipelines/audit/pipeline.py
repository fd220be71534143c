"""Pipeline `audit`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.audit.nodes import check_clearances, judge, measure_symptoms, run_arms, write_report

DATA = ["clips", "captions", "pairs", "pair_captions", "data_version", "all_parameters", "audit_issues_file", "audit_folders"]


def create_pipeline(**_) -> Pipeline:
    """Clips, captions and pairs -> arms, verdicts, clearances, symptoms, report."""
    return pipeline(
        [
            node(run_arms, inputs=[*DATA, "mlflow_experiment"], outputs="audit_rows", name="run_arms"),
            node(
                judge,
                inputs=["audit_rows", "all_parameters", "audit_issues_file", "mlflow_experiment"],
                outputs="audit_verdicts",
                name="judge",
            ),
            node(check_clearances, inputs=DATA, outputs="audit_clearances", name="check_clearances"),
            node(measure_symptoms, inputs=[*DATA, "mlflow_experiment"], outputs="audit_symptoms", name="measure_symptoms"),
            node(
                write_report,
                inputs=[*DATA, "audit_rows", "audit_verdicts", "audit_clearances", "audit_symptoms"],
                outputs="audit_report",
                name="write_audit_report",
            ),
        ]
    )
