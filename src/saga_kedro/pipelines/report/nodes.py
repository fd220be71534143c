"""Nodes of the pipeline `report`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

logger = logging.getLogger(__name__)


def measure_by_frequency(pairs: pd.DataFrame, outputs: pd.DataFrame, report: dict[str, Any]) -> pd.DataFrame:
    """LSD against frequency, of every row.

    Args:
        pairs: evaluation pairs.
        outputs: of the evaluation.
        report: the section of parameters.

    Returns:
        row, category, cutoff_khz, frequency_hz, lsd.
    """
    from saga_kedro.evaluation.score import frequency_curves

    return frequency_curves(pairs, outputs, report["frequency_bands"])


def turn_dial(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    dial_folder: str,
) -> pd.DataFrame:
    """Ask the model for several roll-offs, and measure what comes out.

    Args:
        pairs: evaluation pairs.
        pair_captions: what their inputs sound like.
        model_summary: of the model that is judged.
        parameters: all of them.
        dial_folder: what is done already.

    Returns:
        pair_id, category, cutoff_khz, requested, measured.
    """
    from saga_kedro.evaluation.model_scores import turn_dial as measure

    return measure(pairs, pair_captions, model_summary, parameters, dial_folder)


def read_history(model_summary: dict[str, Any]) -> pd.DataFrame:
    """The curves of the training that made the model, from MLflow.

    Args:
        model_summary: of the model that is judged; its run is in it.

    Returns:
        step, metric, value; empty if that run is not in this store.
    """
    from saga_kedro import tracking

    return tracking.history(model_summary.get("run_id"), ("train/loss", "train/grad_norm", "val/", "yardstick/"))


def plot(lsd_by_frequency: pd.DataFrame, training_history: pd.DataFrame) -> tuple[Any, Any]:
    """Two plots for Kedro-Viz.

    Args:
        lsd_by_frequency: of `measure_by_frequency`.
        training_history: of `read_history`.

    Returns:
        LSD against frequency, and the loss with its yardsticks, as plotly figures.
    """
    from saga_kedro.reporting.plots import frequency_plot, loss_plot

    return frequency_plot(lsd_by_frequency), loss_plot(training_history)


def write_report(
    summary: pd.DataFrame,
    pairs: pd.DataFrame,
    outputs: pd.DataFrame,
    lsd_by_frequency: pd.DataFrame,
    rolloff_dial: pd.DataFrame,
    training_history: pd.DataFrame,
    paper_targets: pd.DataFrame,
    model_summary: dict[str, Any],
    data_version: str,
    parameters: dict[str, Any],
    report_folder: str,
) -> pd.DataFrame:
    """Write report.html and report.md; MLflow gets a copy.

    Args:
        summary: means and intervals.
        pairs, outputs: of the evaluation.
        lsd_by_frequency, rolloff_dial, training_history: of the nodes before.
        paper_targets: the paper's tables.
        model_summary: of the model that is judged.
        data_version: of the evaluation's data.
        parameters: all of them.
        report_folder: where the report goes.

    Returns:
        The report's first table: LSD of every row and of the paper's systems.
    """
    import mlflow

    from saga_kedro import tracking
    from saga_kedro.configuration import dataset_name, told
    from saga_kedro.reporting.examples import choose_examples
    from saga_kedro.reporting.facts import facts
    from saga_kedro.reporting.html import write_html
    from saga_kedro.reporting.likeness import likeness_of_model
    from saga_kedro.reporting.markdown import files_folder, write_markdown
    from saga_kedro.reporting.report import HEADLINE, Findings, build_report, with_paper
    from saga_kedro.reporting.tables import wide_table
    from saga_kedro.reporting.targets import checked_targets

    targets = checked_targets(paper_targets)
    run = mlflow.active_run()
    report = build_report(
        Findings(
            summary=summary,
            targets=targets,
            likeness=likeness_of_model(model_summary, parameters["ingest"], set(pairs["cutoff_khz"])),
            history=training_history,
            curves=lsd_by_frequency,
            dial=rolloff_dial,
            examples=choose_examples(pairs, outputs, parameters["report"]["examples"]),
            facts=facts(
                model_summary,
                data_version,
                len(pairs),
                tracking.git_revision("."),
                tracking.flat(told(parameters)),
                run.info.run_id if run else "",
            ),
            name=f"SAGA-SR on {dataset_name(parameters)}, {model_summary['steps']} steps",
        )
    )
    page = write_html(report, Path(report_folder) / "report.html")
    text = write_markdown(report, Path(report_folder) / "report.md")
    if run:
        mlflow.log_artifact(str(page), "report")
        for figure in sorted(files_folder(text).glob("*.png")):
            mlflow.log_artifact(str(figure), "report/figures")
    logger.info("The report is %s (and %s).", page, text.name)
    return wide_table(with_paper(summary, targets), HEADLINE)
