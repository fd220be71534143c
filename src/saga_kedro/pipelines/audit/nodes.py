"""Nodes of the pipeline `audit`."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd


def prepare(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str,
    folders: dict[str, str],
    mlflow_experiment: str,
) -> Any:
    """Plan the audit and read what all arms share.

    Args:
        clips, captions: of training and validation.
        pairs, pair_captions: of the test split.
        data_version: of the clips.
        parameters: all of them; ``audit`` says what is run.
        issues_file: YAML with the issues.
        folders: of records, trainings, text states, report.
        mlflow_experiment: name of the experiment.

    Returns:
        `saga_kedro.audit.session.Audit`, which the other nodes take.
    """
    from saga_kedro.audit.session import open_audit
    from saga_kedro.parameters import validate

    checked = validate(parameters)
    return open_audit(clips, captions, pairs, pair_captions, data_version, checked, issues_file, folders, mlflow_experiment)


def run_arms(audit: Any) -> pd.DataFrame:
    """Run every arm of the chosen issues, in the chosen designs, at as many seeds as it takes; a row per arm and seed."""
    from saga_kedro.audit.arms import run_arms as run

    return run(audit.arms, audit.bench)


def check_clearances(audit: Any) -> pd.DataFrame:
    """Check what the documents call correct: a row per clearance; none where only some issues are asked for."""
    from saga_kedro.audit.clearances import check_clearances as check
    from saga_kedro.audit.plan import baselines

    return (
        check(baselines(audit.catalogue, audit.parameters), audit.bench.data)
        if audit.whole
        else pd.DataFrame({"clearance": []})
    )


def climb_ladder(audit: Any) -> pd.DataFrame:
    """Fix the failing code one thing at a time: a row per rung; none where only some issues are asked for."""
    from saga_kedro.audit.ladder import climb

    return climb(audit.catalogue, audit.ladder_aligned, audit.bench) if audit.whole else pd.DataFrame({"rung": []})


def measure_symptoms(audit: Any, rows: pd.DataFrame, ladder: pd.DataFrame) -> pd.DataFrame:
    """Say which symptoms each arm gives alone: a row per arm and baseline; none where only some issues are asked for."""
    from saga_kedro.audit.symptoms import matrix

    return matrix(rows, ladder) if audit.whole else pd.DataFrame({"names": []})


def judge(audit: Any, rows: pd.DataFrame, symptoms: pd.DataFrame) -> pd.DataFrame:
    """Decide each arm, print the answers, and tag the runs with them.

    Args:
        audit: of `prepare`.
        rows: of `run_arms`.
        symptoms: of `measure_symptoms`.

    Returns:
        A verdict per issue, design and arm.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from saga_kedro.audit.runs import tag_verdicts
    from saga_kedro.audit.verdicts import verdicts
    from saga_kedro.audit.words import say, verdict

    found = verdicts(rows, audit.arms, audit.trainings, symptoms, audit.hours_per_training())
    tag_verdicts(audit.bench.runs, rows, found)
    table = Table(title="Audit", title_justify="left")
    for column in ("issue", "design", "arm", "answer"):
        table.add_column(column, overflow="fold")
    for line in found.to_dict("records"):
        answer = f"{say('en', line['kind'])}: {verdict('en', line)}"
        table.add_row(line["issue"], line["design"], line["arm"], Text(answer))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return found


def write_report(audit: Any, **tables: pd.DataFrame) -> dict[str, str]:
    """Save what was found, and draw the page from it.

    Args:
        audit: of `prepare`.
        tables: what was found, by the names that `saga_kedro.audit.findings.AuditFindings` has.

    Returns:
        findings: the folder; html, chinese, markdown: where the pages are.
    """
    from saga_kedro import tracking
    from saga_kedro.audit.findings import collect, save
    from saga_kedro.pipelines.audit_report.nodes import draw

    findings = collect(audit, tables, tracking.git_revision("."))
    folder = save(findings, audit.report.with_name(f"{audit.report.name}_findings"))
    return draw(folder, audit.catalogue, audit.report.parent)
