"""Nodes of the pipeline `super_resolve`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def super_resolve_folder(
    muffled_folder: str, super_resolved_folder: str, super_resolve: dict[str, Any], seed: int
) -> pd.DataFrame:
    """Super-resolve every audio file below a folder; the table and its counts go to MLflow.

    Args:
        muffled_folder: the inputs.
        super_resolved_folder: the results, in the same tree.
        super_resolve: the section of parameters.
        seed: of the draws.

    Returns:
        A line a file: input, output, status, why, notes, cutoff_hz, duration_s, seconds.
    """
    import mlflow

    from saga_kedro import tracking
    from saga_kedro.use.folder import counts, super_resolve_all

    table = super_resolve_all(super_resolve["path"] or muffled_folder, super_resolved_folder, super_resolve, seed)
    tracking.log_metrics_once(tracking.active_run_id(), counts(table))
    mlflow.log_table(table, "super_resolved.json")
    return table
