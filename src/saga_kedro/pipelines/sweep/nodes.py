"""Nodes of the pipeline `sweep`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def sweep(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    folders: dict[str, str],
    mlflow_experiment: str,
) -> pd.DataFrame:
    """Score a trained model under every combination of ``sweep.vary``.

    Args:
        pairs, pair_captions: of the evaluation.
        model_summary: of the model (``evaluate.model``).
        parameters: all of them.
        folders: of the audit's records.
        mlflow_experiment: name of the experiment.

    Returns:
        A row per combination.
    """
    from saga_kedro.reporting.tables import print_table
    from saga_kedro.sweep import sweep as run

    table = run(pairs, pair_captions, model_summary, parameters, folders["records"], mlflow_experiment)
    print_table(table.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value)), "Sweep")
    return table
