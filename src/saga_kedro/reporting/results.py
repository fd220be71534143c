"""Nodes of the pipelines `evaluate` and `report`: their tables and files, and what MLflow gets."""

import logging
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro import tracking
from saga_kedro.evaluation.summary import flatten
from saga_kedro.evaluation.summary import summarise as mean_and_interval
from saga_kedro.parameters import Parameters
from saga_kedro.reporting.examples import choose_examples
from saga_kedro.reporting.html import write_html
from saga_kedro.reporting.likeness import Likeness, likeness_of
from saga_kedro.reporting.report import HEADLINE, Findings, build_report, gap_table, with_paper
from saga_kedro.reporting.tables import LEADING_ROWS, markdown_table, print_table, wide_table
from saga_kedro.reporting.targets import READING_NOTE, checked_targets, gap, target_metrics
from saga_kedro.stages import code, logged
from saga_kedro.tracking import Logged

logger = logging.getLogger(__name__)

PACKAGES = ("saga-kedro", "torch", "stable-audio-tools", "transformers", "kedro", "mlflow", "numpy", "soxr", "visqol-python")


def summarise(
    scores: pd.DataFrame, model_summary: dict[str, Any], data_version: str,
    paper_targets: pd.DataFrame, parameters: Parameters,
) -> tuple[pd.DataFrame, dict[str, float], Logged]:  # fmt: skip
    """Summarise scores (`evaluation.summary.summarise`), and print the table of LSD.

    Returns the summary; its means and their gaps to the paper's by metric names; and for MLflow those metrics, tags that
    identify weights, data and likeness, and the run's description.
    """
    targets = checked_targets(paper_targets)
    summary = mean_and_interval(scores)
    metrics = flatten(summary)
    metrics |= gap(metrics, target_metrics(targets))
    likeness = likeness_of(model_summary, parameters.ingest.model_dump(), set(scores["cutoff_khz"]))
    tags = {
        tracking.WEIGHTS: model_summary["weights"],
        "saga.evaluated_data_version": data_version,
        "mlflow.note.content": evaluation_note(summary, targets, likeness, model_summary, parameters),
        **likeness.tags(),
    }
    print_table(wide_table(summary, HEADLINE), "LSD, mean over clips (lower is better)")
    # four decimals are what a column of the UI can show
    return summary, metrics, Logged({name: round(value, 4) for name, value in metrics.items()}, tags)


def evaluation_note(
    summary: pd.DataFrame, targets: pd.DataFrame, likeness: Likeness, model_summary: Mapping[str, Any], parameters: Parameters
) -> str:
    """A run's description in Markdown: model and data, the headline table, the distance to the paper."""
    sample = parameters.sample
    scored = summary[(summary["row"] == "ours") & (summary["metric"] == HEADLINE)]
    others = [row for row in summary["row"].unique() if row not in LEADING_ROWS]
    lines = [
        f"The model `{model_summary['folder']}` ({model_summary['steps']} steps, weights "
        f"`{str(model_summary['weights'])[:10]}`), judged on {int(scored['clips'].sum())} pairs of the dataset "
        f"*{parameters.dataset_name}*{', beside ' + ', '.join(others) if others else ''}.",
        f"Sampled with {sample.steps} steps ({sample.schedule}), guidance {sample.guidance} (s_a {sample.s_a}, "
        f"s_t {sample.s_t}), roll-off {sample.rolloff}.",
        "**LSD**, mean over clips, lower is better:",
        markdown_table(wide_table(summary, HEADLINE)),
        f"**Distance to the paper.** {likeness.sentence()}",
        markdown_table(gap_table(summary, targets)),
        READING_NOTE,
        "Artifacts: `report/report.html` (the whole report), `examples/` (sounds and spectrograms).",
    ]
    return "\n\n".join(lines)


def gather(
    summary: pd.DataFrame, scores: pd.DataFrame, pairs: pd.DataFrame, outputs: pd.DataFrame,
    paper_targets: pd.DataFrame, model_summary: dict[str, Any], data_version: str, parameters: Parameters,
) -> Findings:  # fmt: skip
    """The evaluation's part of the report: numbers, examples and facts."""
    return Findings(
        summary=summary,
        targets=checked_targets(paper_targets),
        likeness=likeness_of(model_summary, parameters.ingest.model_dump(), set(pairs["cutoff_khz"])),
        scores=scores,
        examples=choose_examples(pairs, outputs, parameters.report.examples),
        facts=facts(model_summary, data_version, len(pairs), parameters),
        name=f"SAGA-SR on {parameters.dataset_name}, {model_summary['steps']} steps",
    )


def facts(
    model_summary: Mapping[str, Any], data_version: str, pairs: int, parameters: Parameters
) -> dict[str, dict[str, object]]:
    """Where the numbers come from: title -> name -> value."""
    yardsticks = {name: f"{value:.4g}" for name, value in model_summary.get("yardsticks", {}).items()}
    # no git revision, which is in MLflow: a commit that changes no code must not change the report
    versions = {"code": code("report"), "Python": platform.python_version()}
    return {
        "Model": {
            "folder": model_summary["folder"],
            "weights": model_summary["weights"],
            "steps": model_summary["steps"],
            "data version of its training": model_summary.get("data_version"),
            "MLflow run of its training": model_summary.get("run_id"),
        },
        "Evaluation": {"data version": data_version, "pairs": pairs, "MLflow run": tracking.active_run_id()},
        **({"Measured when its training began": yardsticks} if yardsticks else {}),
        "Versions": versions | {package: _version(package) for package in PACKAGES},
        "Parameters": tracking.flat(logged(parameters)),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def write_report(
    findings: Findings, lsd_by_frequency: pd.DataFrame, rolloff_dial: pd.DataFrame, training_history: pd.DataFrame,
    folder: str | Path,
) -> tuple[pd.DataFrame, Logged]:  # fmt: skip
    """Write report.html; returns the report's first table (LSD) and the file that MLflow gets."""
    report = build_report(replace(findings, curves=lsd_by_frequency, dial=rolloff_dial, history=training_history))
    page = write_html(report, Path(folder) / "report.html")
    logger.info("The report is %s.", page)
    headline = wide_table(with_paper(findings.summary, findings.targets), HEADLINE)
    return headline, Logged(artifacts={"report": [str(page)]})
