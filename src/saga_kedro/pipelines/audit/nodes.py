"""Nodes of the pipeline `audit`."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd


def _bench(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    folders: dict[str, str],
    experiment: str | None,
) -> Any:
    from saga_kedro.audit.session import open_bench, read_data
    from saga_kedro.training.text_states import encode_captions, read_states

    index = encode_captions(captions["caption"], parameters["model"]["text"], folders["text_states"])
    states = read_states(index, folders["text_states"])
    data = read_data(clips, captions, states, pairs, pair_captions, data_version, parameters, folders["pairs"])
    return open_bench(data, parameters, folders["records"], folders["models"], experiment)


def run_arms(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str,
    folders: dict[str, str],
    mlflow_experiment: str,
) -> pd.DataFrame:
    """Run every arm of the chosen issues, in the chosen designs, at every seed; what is finished is not run again.

    Args:
        clips, captions: of training and validation.
        pairs, pair_captions: of the test split.
        data_version: of the clips.
        parameters: all of them; ``audit`` says what is run.
        issues_file: YAML with the issues.
        folders: of records, trainings, text states.
        mlflow_experiment: name of the experiment.

    Returns:
        A row per arm and seed.
    """
    from saga_kedro.audit.arms import run_arms as run
    from saga_kedro.audit.issues import choose, read_catalogue
    from saga_kedro.audit.plan import plan

    catalogue = read_catalogue(issues_file)
    arms = plan(catalogue, choose(catalogue, parameters["audit"]["issue"]), parameters)
    bench = _bench(clips, captions, pairs, pair_captions, data_version, parameters, folders, mlflow_experiment)
    return run(arms, bench, bench.retrain)


def check_clearances(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str,
    folders: dict[str, str],
) -> pd.DataFrame:
    """Check what the documents call correct, where all issues are asked for.

    Args:
        clips, captions, pairs, pair_captions, data_version, parameters, issues_file, folders: as for `run_arms`.

    Returns:
        A row per clearance; none where only some issues are asked for.
    """
    if parameters["audit"]["issue"] != "all":
        return pd.DataFrame({"clearance": []})
    from saga_kedro.audit.clearances import check_clearances as check
    from saga_kedro.audit.issues import read_catalogue
    from saga_kedro.audit.plan import baselines

    bench = _bench(clips, captions, pairs, pair_captions, data_version, parameters, folders, None)
    return check(baselines(read_catalogue(issues_file), parameters), bench.data)


def measure_symptoms(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str,
    folders: dict[str, str],
    mlflow_experiment: str,
) -> pd.DataFrame:
    """Measure which causes give the three symptoms, where all issues are asked for.

    Args:
        clips, captions, pairs, pair_captions, data_version, parameters, issues_file, folders, mlflow_experiment: as for
            `run_arms`.

    Returns:
        A row per cause or set of causes; none where only some issues are asked for.
    """
    if parameters["audit"]["issue"] != "all":
        return pd.DataFrame({"names": []})
    from saga_kedro.audit.issues import read_catalogue
    from saga_kedro.audit.plan import ALIGNED, AS_FOUND, baselines
    from saga_kedro.audit.symptoms import measure_symptoms as measure

    bench = _bench(clips, captions, pairs, pair_captions, data_version, parameters, folders, mlflow_experiment)
    both = {name: bench.at_seed(p, 0) for name, p in baselines(read_catalogue(issues_file), parameters).items()}
    return measure(both[ALIGNED], both[AS_FOUND], bench)


def judge(rows: pd.DataFrame, parameters: dict[str, Any], issues_file: str, mlflow_experiment: str) -> pd.DataFrame:
    """Decide each arm, corrected over issues, and tag the runs with their verdicts.

    Args:
        rows: of `run_arms`.
        parameters: all of them.
        issues_file: YAML with the issues.
        mlflow_experiment: name of the experiment.

    Returns:
        A verdict per issue, design and arm.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from saga_kedro.audit.issues import choose, read_catalogue
    from saga_kedro.audit.plan import plan
    from saga_kedro.audit.runs import Runs, tag_verdicts
    from saga_kedro.audit.verdicts import sentence, verdicts

    catalogue = read_catalogue(issues_file)
    issues = choose(catalogue, parameters["audit"]["issue"])
    says: dict[tuple[str, str, str], str] = {
        (arm.issue.id, arm.design, arm.arm): arm.says for arm in plan(catalogue, issues, parameters)
    }
    found = verdicts(rows, issues, says)
    tag_verdicts(Runs(mlflow_experiment), rows, found)
    table = Table(title="Audit", title_justify="left")
    for column in ("issue", "design", "arm", "answer"):
        table.add_column(column, overflow="fold")
    for line in found.to_dict("records"):
        table.add_row(line["issue"], line["design"], line["arm"], Text(sentence(line)))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return found


def write_report(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str,
    folders: dict[str, str],
    rows: pd.DataFrame,
    verdicts: pd.DataFrame,
    clearances: pd.DataFrame,
    symptoms: pd.DataFrame,
) -> dict[str, str]:
    """Write the report as HTML and markdown.

    Args:
        clips, captions, pairs, pair_captions, data_version, parameters, issues_file, folders: as for `run_arms`.
        rows, verdicts, clearances, symptoms: what was found.

    Returns:
        html, markdown: where they are.
    """
    from pathlib import Path

    from saga_kedro import tracking
    from saga_kedro.audit.issues import choose, read_catalogue
    from saga_kedro.audit.plan import plan
    from saga_kedro.audit.report import build_report
    from saga_kedro.audit.session import collect, report_name
    from saga_kedro.reporting.html import write_html
    from saga_kedro.reporting.markdown import write_markdown

    catalogue = read_catalogue(issues_file)
    issues = choose(catalogue, parameters["audit"]["issue"])
    arms = plan(catalogue, issues, parameters)
    bench = _bench(clips, captions, pairs, pair_captions, data_version, parameters, folders, None)
    facts = {"git revision": tracking.git_revision(".")}
    seen = (clearances if len(clearances) else None, symptoms if len(symptoms) else None)
    findings = collect(catalogue, issues, arms, rows, verdicts, *seen, parameters, bench, facts)
    report = build_report(findings)
    stem = Path(folders["report"]) / report_name(parameters["audit"]["issue"])
    html = write_html(report, stem.with_suffix(".html"))
    markdown = write_markdown(report, stem.with_suffix(".md"))
    print(f"Report: {html}")
    return {"html": html.as_posix(), "markdown": markdown.as_posix()}
