"""Nodes of the pipeline `evaluate`."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd


def find_model(judged_folder: str) -> dict[str, Any]:
    """Look what model is to be judged.

    Args:
        judged_folder: that ``evaluate.model`` names, or where this configuration's training puts its model.

    Returns:
        Its folder, its weights' hash, its steps, and what else its training wrote.
    """
    from saga_kedro.evaluation.model_scores import find_model as look

    return look(judged_folder)


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


def measure_sets(pairs: pd.DataFrame, outputs: pd.DataFrame, evaluate: dict[str, Any], outputs_folder: str) -> pd.DataFrame:
    """Distances between sets of clips: all outputs of a row against all references.

    Args:
        pairs: evaluation pairs.
        outputs: of `score`.
        evaluate: the section of parameters.
        outputs_folder: what is done already.

    Returns:
        row, category, cutoff_khz, metric, value, clips; empty where no such metric is asked for.
    """
    from saga_kedro.evaluation.frechet import set_distances

    return set_distances(pairs, outputs, outputs_folder, evaluate["metrics"])


def summarise(
    scores: pd.DataFrame,
    distances: pd.DataFrame,
    model_summary: dict[str, Any],
    data_version: str,
    paper_targets: pd.DataFrame,
    parameters: dict[str, Any],
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Mean and interval of every row, category and cutoff; the means and their gaps to the paper's go to MLflow.

    Args:
        scores: of `score`.
        distances: of `measure_sets`.
        model_summary: of the model that is judged.
        data_version: of the evaluation's data.
        paper_targets: the paper's tables.
        parameters: all of them.

    Returns:
        The summary as a table, and its means and gaps under their metric names.
    """
    import mlflow
    from rich.console import Console

    from saga_kedro import tracking
    from saga_kedro.configuration import dataset_name
    from saga_kedro.evaluation.summary import flatten
    from saga_kedro.evaluation.summary import summarise as mean_and_interval
    from saga_kedro.reporting.likeness import likeness_of_model
    from saga_kedro.reporting.run_notes import evaluation_note
    from saga_kedro.reporting.tables import console_table, wide_table
    from saga_kedro.reporting.targets import checked_targets, gap

    targets = checked_targets(paper_targets)
    summary = mean_and_interval(scores, distances)
    metrics = flatten(summary)
    metrics |= gap(metrics, targets)
    likeness = likeness_of_model(model_summary, parameters["ingest"], set(scores["cutoff_khz"]))
    # Four decimals are what a column of the UI can show. Step 0, as the paper's: the UI draws such metrics as bars beside each
    # other; how many steps the model was trained for is a parameter of the run.
    tracking.log_metrics_once({name: round(value, 4) for name, value in metrics.items()}, step=0)
    mlflow.set_tags(
        {
            tracking.WEIGHTS: model_summary["weights"],
            "saga.evaluated_data_version": data_version,
            "mlflow.note.content": evaluation_note(
                summary, targets, likeness, model_summary, parameters, dataset_name(parameters)
            ),
            **likeness.tags(),
        }
    )
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
