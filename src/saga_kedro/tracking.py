"""What we ask of MLflow beside kedro-mlflow: find a configuration's run, and never log a step twice."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

CONFIGURATION = "saga.configuration"
DATA_VERSION = "saga.data_version"
WEIGHTS = "saga.weights"


def find(experiment: str, configuration: str) -> str | None:
    """The id of the newest run of ``experiment`` with this configuration's hash, or None."""
    runs = mlflow.search_runs(
        experiment_names=[experiment],
        filter_string=f"tags.`{CONFIGURATION}` = '{configuration}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    return runs[0].info.run_id if runs else None


def flat(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters under dotted names: ``{"fit": {"steps": 600}}`` gives ``{"fit.steps": 600}``."""
    named: dict[str, Any] = {}
    for name, value in parameters.items():
        named |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return named


def git_revision(folder: str | Path) -> str:
    """The commit that is checked out in ``folder``, with ``+`` behind it where files were changed; empty without git."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def own_run(data_version: str) -> str:
    """The active run's id, after making sure that it belongs to this version of the data.

    The same parameters on changed data are another experiment: the run of the old data is left as it is and a new one started.
    """
    active = mlflow.active_run() or mlflow.start_run()
    tags = mlflow.get_run(active.info.run_id).data.tags
    if tags.get(DATA_VERSION, data_version) != data_version:
        mlflow.end_run()
        kept = {name: value for name, value in tags.items() if not name.startswith("mlflow.")}
        active = mlflow.start_run(experiment_id=active.info.experiment_id, run_name=active.info.run_name, tags=kept)
    mlflow.set_tag(DATA_VERSION, data_version)
    return active.info.run_id


def last_step(run_id: str, metric: str) -> int:
    """The last step of ``metric`` that the run has, or -1."""
    return max((point.step for point in mlflow.MlflowClient().get_metric_history(run_id, metric)), default=-1)


def history(run_id: str | None, prefixes: tuple[str, ...]) -> pd.DataFrame:
    """Every logged value of a run's metrics whose names begin so: columns step, metric, value.

    Empty for a run that this store does not know: a model may have been trained elsewhere.
    """
    client = mlflow.MlflowClient()
    try:
        names = client.get_run(run_id).data.metrics if run_id else {}
    except mlflow.MlflowException:
        names = {}
    points = [
        (point.step, name, point.value)
        for name in sorted(names)
        if name.startswith(prefixes)
        for point in client.get_metric_history(str(run_id), name)
    ]
    return pd.DataFrame(points, columns=["step", "metric", "value"]).sort_values(["metric", "step"], ignore_index=True)


def log_table(run_id: str, table: pd.DataFrame, name: str) -> None:
    """Log a table to a run, once: MLflow would append to one that is there."""
    client = mlflow.MlflowClient()
    if name not in {artifact.path for artifact in client.list_artifacts(run_id)}:
        client.log_table(run_id, table, name)


def log_metrics_once(metrics: Mapping[str, float], step: int) -> None:
    """Log to the active run what it does not have yet at this step with this value: a repeated evaluation adds nothing."""
    active = mlflow.active_run() or mlflow.start_run()
    client = mlflow.MlflowClient()
    known = mlflow.get_run(active.info.run_id).data.metrics
    new = {}
    for name, value in metrics.items():
        if name in known and any(
            p.step == step and p.value == value for p in client.get_metric_history(active.info.run_id, name)
        ):
            continue
        new[name] = float(value)
    mlflow.log_metrics(new, step=step)
