"""Nodes of the pipeline `report`: the domain's functions, with parameters as objects, and their results to MLflow."""

from __future__ import annotations

from typing import Any

import pandas as pd


def measure_by_frequency(pairs, outputs, report) -> pd.DataFrame:
    from saga_kedro.evaluation.score import frequency_curves
    from saga_kedro.parameters import Report

    return frequency_curves(pairs, outputs, Report.model_validate(report))


def turn_dial(pairs, pair_captions, model_summary, parameters, dial_folder) -> pd.DataFrame:
    from saga_kedro.evaluation.model_scores import turn_dial
    from saga_kedro.parameters import validate

    return turn_dial(pairs, pair_captions, model_summary, validate(parameters), dial_folder)


def read_history(model_summary: dict[str, Any]) -> pd.DataFrame:
    from saga_kedro.tracking import read_history

    return read_history(model_summary)


def plot(lsd_by_frequency, training_history) -> tuple[Any, Any]:
    from saga_kedro.reporting.plots import plot

    return plot(lsd_by_frequency, training_history)


def gather(summary, pairs, outputs, paper_targets, model_summary, data_version, parameters) -> Any:
    from saga_kedro.parameters import validate
    from saga_kedro.reporting.results import gather

    return gather(summary, pairs, outputs, paper_targets, model_summary, data_version, validate(parameters))


def write_report(findings, lsd_by_frequency, rolloff_dial, training_history, report_folder) -> pd.DataFrame:
    from saga_kedro.reporting.results import write_report
    from saga_kedro.tracking import active_run_id, log_results

    headline, logged = write_report(findings, lsd_by_frequency, rolloff_dial, training_history, report_folder)
    if run_id := active_run_id():
        log_results(run_id, logged)
    return headline
