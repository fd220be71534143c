"""Nodes of the pipeline `evaluate`: the domain's functions, with parameters as objects, and their results to MLflow."""

from __future__ import annotations

from typing import Any

import pandas as pd


def find_model(judged_folder: str) -> dict[str, Any]:
    from saga_kedro.evaluation.model_scores import find_model

    return find_model(judged_folder)


def score(pairs, pair_captions, model_summary, parameters, outputs_folder) -> tuple[pd.DataFrame, pd.DataFrame]:
    from saga_kedro.evaluation.model_scores import score_model
    from saga_kedro.parameters import validate

    return score_model(pairs, pair_captions, model_summary, validate(parameters), outputs_folder)


def measure_sets(pairs, outputs, evaluate, outputs_folder) -> pd.DataFrame:
    from saga_kedro.evaluation.frechet import set_distances
    from saga_kedro.parameters import Evaluate

    return set_distances(pairs, outputs, Evaluate.model_validate(evaluate), outputs_folder)


def summarise(
    scores, distances, model_summary, data_version, paper_targets, parameters
) -> tuple[pd.DataFrame, dict[str, float]]:
    from saga_kedro.parameters import validate
    from saga_kedro.reporting.results import summarise
    from saga_kedro.tracking import active_run_id, log_results

    summary, metrics, logged = summarise(scores, distances, model_summary, data_version, paper_targets, validate(parameters))
    log_results(active_run_id(), logged)
    return summary, metrics


def show_examples(pairs, outputs, evaluate, examples_folder) -> pd.DataFrame:
    from saga_kedro.parameters import Evaluate
    from saga_kedro.reporting.examples import write_examples
    from saga_kedro.tracking import active_run_id, log_results

    examples, logged = write_examples(pairs, outputs, Evaluate.model_validate(evaluate), examples_folder)
    log_results(active_run_id(), logged)
    return examples
