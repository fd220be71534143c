"""MLflow beyond kedro-mlflow: find a configuration's run, log results once, keep a training's curves."""

import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import LifecycleStage, Metric, Param

from saga_kedro.files import atomic_path
from saga_kedro.locks import store_lock

CONFIGURATION = "saga.configuration"
DATA_VERSION = "saga.data_version"
WEIGHTS = "saga.weights"

CURVES = "curves.csv"
"""The curves of a finished training, in its model's folder."""
OF_TRAINING = ("train/", "val/", "yardstick/", "latent/", "rolloff/", "lr-")
LONGEST_PARAMETER = 6000
"""Characters; the longest value of a parameter that MLflow stores."""
HOMES = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
HOMES |= {"model_versions": "storage_location"}
"""Tables of MLflow's store -> the column that holds absolute paths."""


@dataclass(frozen=True)
class Logged:
    """What a node wants to have in the run.

    Attributes:
        metrics: name -> value, at step 0 like the paper's: the UI draws such metrics as bars side by side.
        tags: name -> text; ``mlflow.note.content`` is the run's description.
        artifacts: folder in the run -> files, and folders whose content is logged.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, list[str]] = field(default_factory=dict)


def log_results(run_id: str, logged: Logged) -> None:
    """Log what a node returned. A second time adds nothing."""
    client = mlflow.MlflowClient()
    log_metrics_once(run_id, logged.metrics)
    for name, value in logged.tags.items():
        client.set_tag(run_id, name, value)
    for place, paths in logged.artifacts.items():
        for path in paths:
            (client.log_artifacts if Path(path).is_dir() else client.log_artifact)(run_id, path, place)


def log_metrics_once(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log the values that the run does not have at this step yet."""
    client = mlflow.MlflowClient()
    known = client.get_run(run_id).data.metrics

    def has(name: str, value: float) -> bool:
        points = client.get_metric_history(run_id, name) if name in known else []
        return any((point.step, point.value) == (step, value) for point in points)

    now = int(time.time() * 1000)
    client.log_batch(run_id, [Metric(name, float(value), now, step) for name, value in metrics.items() if not has(name, value)])


def log_parameters(run_id: str, parameters: Mapping[str, Any]) -> None:
    """Log all parameters; overlong values are cut."""
    mlflow.MlflowClient().log_batch(
        run_id, params=[Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in parameters.items()]
    )


def log_table(run_id: str, table: pd.DataFrame, name: str) -> None:
    """Log a table once: MLflow would append to an existing one."""
    client = mlflow.MlflowClient()
    if name not in {artifact.path for artifact in client.list_artifacts(run_id)}:
        client.log_table(run_id, table, name)


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


def own_run(data_version: str) -> str:
    """The id of the active run for this version of the data. After the data changed, a new run with the same parameters and
    tags starts, and the old one stays as it is."""
    active = mlflow.active_run() or mlflow.start_run()
    old = mlflow.get_run(active.info.run_id).data
    if old.tags.get(DATA_VERSION, data_version) != data_version:
        mlflow.end_run()
        kept = {name: value for name, value in old.tags.items() if not name.startswith("mlflow.")}
        active = mlflow.start_run(experiment_id=active.info.experiment_id, run_name=active.info.run_name, tags=kept)
        log_parameters(active.info.run_id, old.params)
    mlflow.set_tag(DATA_VERSION, data_version)
    return active.info.run_id


def active_run_id() -> str:
    """The id of the active run, or an empty string."""
    run = mlflow.active_run()
    return run.info.run_id if run else ""


def is_gone(run_id: str | None) -> bool:
    """Whether the store has no such run, or a person deleted it."""
    try:
        return not run_id or mlflow.get_run(run_id).info.lifecycle_stage == LifecycleStage.DELETED
    except mlflow.MlflowException:
        return True


def last_step(run_id: str, metric: str) -> int:
    """The last step of ``metric`` that the run has, or -1."""
    return max((point.step for point in mlflow.MlflowClient().get_metric_history(run_id, metric)), default=-1)


def history(run_id: str, prefixes: tuple[str, ...]) -> pd.DataFrame:
    """Every logged value of a run's metrics whose names begin with one of the prefixes: columns step, metric, value."""
    client = mlflow.MlflowClient()
    points = [
        (point.step, name, point.value)
        for name in client.get_run(run_id).data.metrics
        if name.startswith(prefixes)
        for point in client.get_metric_history(run_id, name)
    ]
    return pd.DataFrame(points, columns=["step", "metric", "value"]).sort_values(["metric", "step"], ignore_index=True)


def keep_curves(run_id: str, folder: str | Path) -> None:
    """Write the curves of a finished training beside its model."""
    with atomic_path(Path(folder) / CURVES) as temporary:
        history(run_id, OF_TRAINING).to_csv(temporary, index=False)


def read_history(model_summary: Mapping[str, Any]) -> pd.DataFrame:
    """The curves of a model's training: columns step, metric, value. Empty if it has none, as the bundled model."""
    path = Path(model_summary["folder"]) / CURVES
    return (
        pd.read_csv(path, float_precision="round_trip") if path.exists() else pd.DataFrame(columns=["step", "metric", "value"])
    )


def restore_curves(run_id: str, folder: str | Path) -> None:
    """Log a training's kept curves to the run that replaces a deleted one."""
    now = int(time.time() * 1000)
    points = read_history({"folder": folder}).to_dict("records")
    metrics = [Metric(point["metric"], float(point["value"]), now, int(point["step"])) for point in points]
    mlflow.MlflowClient().log_batch(run_id, metrics)


def rehome(project: str | Path) -> None:
    """Update the absolute paths in MLflow's store after the project folder was moved or copied."""
    here = Path(project).resolve() / "mlruns"
    if not (here / "mlflow.db").is_file():
        return
    with store_lock(project), closing(sqlite3.connect(here / "mlflow.db")) as store, store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not HOMES.keys() <= tables:  # a store that MLflow has not set up yet
            return
        locations = store.execute(
            "SELECT artifact_location FROM experiments WHERE artifact_location LIKE '%/mlruns/%'"
        ).fetchall()
        homes = {location[: location.rindex("/mlruns/") + len("/mlruns/")] for (location,) in locations}
        for old in homes:
            new = f"{'file://' * old.startswith('file://')}{here.as_posix()}/"
            for table, column in HOMES.items() if new != old else ():
                store.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old), old),
                )


def flat(parameters: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters under dotted names: ``{"fit": {"steps": 600}}`` gives ``{"fit.steps": 600}``."""
    named: dict[str, Any] = {}
    for name, value in parameters.items():
        named |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return named


def git_revision(folder: str | Path) -> str:
    """The commit checked out in ``folder``, followed by ``+`` if files were changed; empty without git."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
