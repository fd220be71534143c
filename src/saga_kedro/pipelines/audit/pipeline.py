"""Pipeline `audit`."""

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.audit.nodes import (
    check_clearances,
    climb_ladder,
    compare_numbers,
    judge,
    measure_full_size,
    measure_symptoms,
    prepare,
    run_arms,
    train_half_precision,
    write_report,
)

TABLES = ["rows", "verdicts", "clearances", "symptoms", "ladder", "full_size", "half_precision", "symptoms_summary"]
MEASURED: dict[Callable[..., Any], str] = {
    run_arms: "rows",
    check_clearances: "clearances",
    climb_ladder: "ladder",
    measure_full_size: "full_size",
    train_half_precision: "half_precision",
}
DERIVED: list[tuple[Callable[..., Any], str, list[str]]] = [
    (measure_symptoms, "symptoms", ["audit_rows", "audit_ladder"]),
    (judge, "verdicts", ["audit_rows", "audit_symptoms"]),
    (compare_numbers, "symptoms_summary", ["audit_rows", "audit_ladder", "audit_full_size", "audit_half_precision"]),
]


def create_pipeline(**_) -> Pipeline:
    """Clips, captions and pairs -> the audit's data -> arms, symptoms, verdicts, clearances, ladder -> report."""
    tables = ["clips", "captions", "pairs", "pair_captions", "data_version"]
    settings = ["settings", "audit_issues_file", "audit_folders", "mlflow_experiment"]
    return pipeline(
        [
            node(prepare, inputs=[*tables, *settings], outputs="audit_data", name="prepare_audit"),
            *(
                node(function, inputs="audit_data", outputs=f"audit_{table}", name=function.__name__)
                for function, table in MEASURED.items()
            ),
            *(
                node(function, inputs=["audit_data", *inputs], outputs=f"audit_{table}", name=function.__name__)
                for function, table, inputs in DERIVED
            ),
            node(
                write_report,
                inputs={"audit": "audit_data"} | {table: f"audit_{table}" for table in TABLES},
                outputs="audit_report",
                name="write_audit_report",
            ),
        ]
    )
