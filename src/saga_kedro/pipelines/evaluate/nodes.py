"""Nodes of the pipeline `evaluate`."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd


def score(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    outputs_folder: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Super-resolve every input, and score every row of the table.

    Args:
        pairs: evaluation pairs.
        pair_captions: what their inputs sound like.
        model_summary: of the model that is judged; its folder is in it.
        parameters: all of them.
        outputs_folder: what is done already.

    Returns:
        The outputs (pair_id, row, path, ...), and the scores (pair_id, ..., row, metric, value).
    """
    from saga_kedro.evaluation.model_scores import score_model

    return score_model(pairs, pair_captions, model_summary, parameters, outputs_folder)


def summarise(scores: pd.DataFrame, model_summary: dict[str, Any], data_version: str) -> tuple[pd.DataFrame, dict[str, float]]:
    """Mean and interval of every row, category and cutoff; the means go to MLflow.

    Args:
        scores: of `score`.
        model_summary: of the model that is judged.
        data_version: of the evaluation's data.

    Returns:
        The summary as a table, and its means under their metric names.
    """
    import mlflow
    from rich.console import Console

    from saga_kedro import tracking
    from saga_kedro.evaluation.summary import flatten
    from saga_kedro.evaluation.summary import summarise as mean_and_interval
    from saga_kedro.reporting.tables import console_table, wide_table

    summary = mean_and_interval(scores)
    metrics = flatten(summary)
    tracking.log_metrics_once(metrics, step=model_summary["steps"])
    mlflow.set_tags({tracking.WEIGHTS: model_summary["weights"], "saga.evaluated_data_version": data_version})
    # A log file is as wide as it likes; only a terminal has an edge.
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(console_table(wide_table(summary, "LSD"), title="LSD, mean over clips (lower is better)"))
    return summary, metrics


def show_examples(pairs: pd.DataFrame, outputs: pd.DataFrame, evaluate: dict[str, Any], examples_folder: str) -> pd.DataFrame:
    """A few clips to hear and to see: input, output, reference.

    Args:
        pairs: evaluation pairs.
        outputs: of `score`.
        evaluate: the section of parameters.
        examples_folder: where audio and figures go; MLflow gets a copy.

    Returns:
        pair_id, and the paths of its figure and sounds.
    """
    import mlflow

    from saga_kedro.reporting.examples import write_examples

    examples = write_examples(pairs, outputs, evaluate["examples"], examples_folder)
    mlflow.log_artifacts(examples_folder, "examples")
    return examples
