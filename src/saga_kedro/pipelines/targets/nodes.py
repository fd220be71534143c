"""Nodes of the pipeline `targets`."""

from __future__ import annotations

import pandas as pd


def log_targets(paper_targets: pd.DataFrame, mlflow_experiment: str) -> pd.DataFrame:
    from saga_kedro.reporting.mlflow_views import log_targets

    return log_targets(paper_targets, mlflow_experiment)
