"""Pipeline `audit`: trains and scores the arms of every suspicion, and writes what the data say as a page."""

from kedro.pipeline import Pipeline, node

from saga_kedro.audit.session import folders, open_audit
from saga_kedro.audit.steps import check_clearances, climb_ladder, judge, measure_symptoms, run_arms, write_report
from saga_kedro.pipelines import caption, caption_pairs, degrade, ingest, resample

DATA = (ingest, resample, caption, degrade, caption_pairs)
FOLDERS = ("text_states", "pairs", "models", "records", "report")
TABLES = ("rows", "verdicts", "clearances", "symptoms", "ladder")
WEIGHTS = ["audit", "weights.text", "weights.codec", "weights.start"]


def create_pipeline(**_) -> Pipeline:
    data = ["clips", "captions", "pairs", "pair_captions", "data_version"]
    settings = ["settings", "audit_issues_file", "audit_folders", "mlflow_experiment"]
    audit = Pipeline(
        [
            node(folders, {name: f"audit_{name}_folder" for name in FOLDERS}, "audit_folders", name="audit_folders"),
            node(open_audit, [*data, *settings], "audit_data", name="prepare_audit", tags=WEIGHTS),
            node(run_arms, "audit_data", "audit_rows", name="run_arms", tags=WEIGHTS),
            node(check_clearances, "audit_data", "audit_clearances", name="check_clearances", tags=WEIGHTS),
            node(climb_ladder, "audit_data", "audit_ladder", name="climb_ladder", tags=WEIGHTS),
            node(measure_symptoms, ["audit_data", "audit_rows", "audit_ladder"], "audit_symptoms", name="measure_symptoms"),
            node(judge, ["audit_data", "audit_rows", "audit_symptoms"], "audit_verdicts", name="judge"),
            node(
                write_report,
                {"audit": "audit_data"} | {table: f"audit_{table}" for table in TABLES},
                "audit_report",
                name="write_audit_report",
            ),
        ]
    )
    return sum((step.create_pipeline() for step in DATA), Pipeline([])) + audit
