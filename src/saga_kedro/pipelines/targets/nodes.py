"""Nodes of the pipeline `targets`."""

from __future__ import annotations

import logging

import pandas as pd

logger = logging.getLogger(__name__)


def log_targets(paper_targets: pd.DataFrame, mlflow_experiment: str) -> pd.DataFrame:
    """Write the paper's systems as runs named `paper: SAGA-SR`, and set up the experiment's page; what is there stays.

    Args:
        paper_targets: the paper's tables.
        mlflow_experiment: name of the experiment that our runs are in.

    Returns:
        The paper's LSD as a table, a line per system.
    """
    import mlflow

    from saga_kedro.locks import store_lock
    from saga_kedro.reporting.mlflow_views import set_up_experiment
    from saga_kedro.reporting.paper_runs import log_paper_runs
    from saga_kedro.reporting.targets import checked_targets, paper_table

    targets = checked_targets(paper_targets)
    experiment = mlflow.set_experiment(mlflow_experiment).experiment_id
    with store_lock():  # of two at once the second finds what the first wrote
        set_up_experiment(experiment)
        runs = log_paper_runs(targets, experiment)
    written = runs[runs["written"] != "as it was"]
    logger.info("%d of the paper's %d systems written to MLflow; the others are there.", len(written), len(runs))
    return paper_table(targets, "LSD")
