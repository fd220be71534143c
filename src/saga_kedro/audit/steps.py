"""The audit step by step, each on what `open_audit` read: what the pipeline runs."""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from saga_kedro import tracking
from saga_kedro.audit import arms, clearances, symptoms
from saga_kedro.audit.findings import collect, read, save
from saga_kedro.audit.issues import read_catalogue
from saga_kedro.audit.ladder import climb
from saga_kedro.audit.report import write_pages
from saga_kedro.audit.runs import tag_verdicts
from saga_kedro.audit.session import Audit
from saga_kedro.audit.verdicts import verdicts
from saga_kedro.audit.words import say, verdict
from saga_kedro.parameters import Parameters


def run_arms(audit: Audit) -> pd.DataFrame:
    """Run every arm of the chosen issues, in the chosen designs, at as many seeds as it takes; a row per arm and seed."""
    return arms.run_arms(audit.arms, audit.bench)


def check_clearances(audit: Audit) -> pd.DataFrame:
    """Check what the documents call correct: a row per clearance; none where only some issues are asked for."""
    checked = clearances.check_clearances
    return checked(audit.baselines, audit.bench.data) if audit.whole else pd.DataFrame({"clearance": []})


def climb_ladder(audit: Audit) -> pd.DataFrame:
    """Fix the failing code one thing at a time: a row per rung; none where only some issues are asked for."""
    return climb(audit.catalogue, audit.ladder_aligned, audit.bench) if audit.whole else pd.DataFrame({"rung": []})


def measure_symptoms(audit: Audit, rows: pd.DataFrame, ladder: pd.DataFrame) -> pd.DataFrame:
    """Say which symptoms each arm gives alone: a row per arm and baseline; none where only some issues are asked for."""
    return symptoms.matrix(rows, ladder) if audit.whole else pd.DataFrame({"names": []})


def judge(audit: Audit, rows: pd.DataFrame, symptoms: pd.DataFrame) -> pd.DataFrame:
    """Decide each arm, print the answers, and tag the arms' runs with them: a verdict per issue, design and arm."""
    found = verdicts(rows, audit.arms, audit.trainings, symptoms)
    if audit.bench.runs:
        tag_verdicts(audit.bench.runs, rows, found)
    columns = (Column(name, overflow="fold") for name in ("issue", "design", "arm", "answer"))
    table = Table(*columns, title="Audit", title_justify="left")
    for line in found.to_dict("records"):
        answer = f"{say('en', line['kind'])}: {verdict('en', line)}"
        table.add_row(line["issue"], line["design"], line["arm"], Text(answer))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return found


def write_report(audit: Audit, **tables: pd.DataFrame) -> dict[str, str]:
    """Save the tables, by the names of `saga_kedro.audit.findings`, and `draw` the page from them."""
    findings = collect(audit, tables, tracking.git_revision("."))
    folder = save(findings, audit.report.with_name(f"{audit.report.name}_findings"))
    return draw(folder, audit.catalogue, audit.report.parent)


def draw_again(parameters: Parameters, issues_file: Path, report_folder: Path) -> dict[str, str]:
    """Draw the page from the saved findings that ``audit.findings`` names, or that `write_report` saved; nothing is trained."""
    folder = parameters.audit.findings or report_folder / "audit_findings"
    return draw(folder, read_catalogue(issues_file), report_folder)


def draw(findings: str | Path, catalogue: Any, report_folder: str | Path) -> dict[str, str]:
    """Write the page of a folder of findings into ``report_folder``: where findings, html and chinese are."""
    found = read(findings, catalogue)
    written = {"findings": Path(findings).as_posix(), **write_pages(found, Path(report_folder) / found.facts["name"])}
    print(f"Report: {written['html']}")
    return written
