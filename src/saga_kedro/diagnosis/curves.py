"""A person's own curves, from an MLflow run or a CSV; and the evidence in them."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.diagnosis.numbers import Evidence

Curves = dict[str, pd.DataFrame]
"""``loss`` and ``norm``, where known -> table with ``step`` and ``value``, by step."""

NAMES = {"loss": r"loss", "norm": r"grad.*norm"}
OTHERS = r"val|test|eval|__min|__max|lr|scale|true|plateau|loss/"
STEPS = ("step", "global_step", "_step", "iteration")


def chosen(names: Iterable[str]) -> dict[str, str]:
    """Which of a logger's names is the training loss and which the gradient norm; the one "as logged", else a short one."""
    found, names = {}, list(names)
    for curve, pattern in NAMES.items():
        fitting = [name for name in names if re.search(pattern, name, re.IGNORECASE) and not re.search(OTHERS, name.lower())]
        if fitting:
            found[curve] = min(fitting, key=lambda name: ("as_logged" not in name, "step" not in name, len(name)))
    return found


def read_curves(path: Path) -> Curves:
    """Loss and gradient norms of a CSV; a ValueError if there are none.

    A CSV has a column per metric (Lightning's logger, Weights & Biases), a line per value (``metric``, ``step``, ``value``), or
    one curve that TensorBoard exported (``Step``, ``Value``) and the file name names.
    """
    if not path.exists():
        raise ValueError(f"{path}: there is no such file.")
    points = _csv(path)
    curves = _picked(points)
    if not curves:
        there = ", ".join(list(points["metric"].unique())[:8]) or "nothing"
        raise ValueError(f"{path}: no column or tag is a training loss or a gradient norm; there are: {there}.")
    return curves


def _picked(points: pd.DataFrame) -> Curves:
    """The loss and the norm among points (metric, step, value)."""
    curves = {}
    for curve, name in chosen(points["metric"].unique()).items():
        line = points.loc[points["metric"] == name, ["step", "value"]].apply(pd.to_numeric, errors="coerce")
        curves[curve] = line.dropna(subset="step").sort_values("step", kind="stable", ignore_index=True)
    return curves


def _csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a CSV ({str(error).splitlines()[0].rstrip('.')}).") from error
    lower = {str(name).lower(): str(name) for name in table.columns}
    step = next((table[lower[name]] for name in STEPS if name in lower), table.index)
    if "value" in lower:
        metric = table[lower["metric"]].astype(str) if "metric" in lower else path.stem
        return pd.DataFrame({"metric": metric, "step": step, "value": table[lower["value"]]})
    # a line has what was logged at its step; its other cells are blank
    parts = [pd.DataFrame({"metric": name, "step": step, "value": table[name]}) for name in lower.values()]
    return pd.concat(parts).dropna(subset="value")


def of_curves(curves: Curves) -> Evidence:
    """Where the loss settled (mean of its last fifth), and medians of up to ten parts of the gradient norms."""
    loss, norms = (curves[name]["value"].to_numpy() if name in curves else np.zeros(0) for name in ("loss", "norm"))
    norms = norms[np.isfinite(norms)]
    return Evidence(
        loss=float(np.mean(loss[-max(1, len(loss) // 5) :])) if len(loss) else None,
        grad_norms=[float(np.median(part)) for part in np.array_split(norms, min(10, len(norms)))] if len(norms) else (),
    )


def of_run(run_id: str, tracking: str | None = None) -> tuple[Evidence, Curves]:
    """The evidence in an MLflow run, and its curves; a ValueError if there is no such store or run.

    ``tracking``: folder, SQLite file or address of the store; None is MLFLOW_TRACKING_URI, or the project around this folder.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    address = _address(tracking)
    try:
        client = MlflowClient(address)
        run = client.get_run(run_id)
        names = chosen(run.data.metrics).values()
        points = [(name, p.step, p.value) for name in names for p in client.get_metric_history(run_id, name)]
    except MlflowException as error:
        where = f" in {tracking}" if tracking else ", and --tracking names no store"
        raise ValueError(f"MLflow has no run {run_id}{where}: its ids are in the UI (`make ui`) and in fit.json.") from error
    curves = _picked(pd.DataFrame(points, columns=["metric", "step", "value"]))
    metrics, seen = run.data.metrics, of_curves(curves)
    return replace(
        seen,
        loss=metrics.get("train/loss_plateau") if seen.loss is None else seen.loss,
        latent_std=metrics.get("latent/std"),
        timesteps=run.data.params.get("fit.timesteps", "uniform"),
        lsd=metrics.get("reported/LSD", _mean(metrics, "eval/LSD/")),
        sdr=metrics.get("reported/SDR", _mean(metrics, "eval/SI-SDR/")),
    ), curves


def _address(tracking: str | None) -> str | None:
    from saga_kedro.pipelines.configuration import find_project

    project = find_project(Path.cwd())
    if tracking is None and project is not None and "MLFLOW_TRACKING_URI" not in os.environ:
        tracking = str(project / "mlruns" / "mlflow.db")
    if tracking is None or "://" in tracking:
        return tracking
    place = Path(tracking).resolve()
    if place.is_dir() and not (place / "mlflow.db").exists():
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # without it MLflow refuses its old layout
        return place.as_uri()
    place = place / "mlflow.db" if place.is_dir() else place
    if not place.is_file():  # MLflow would make one
        raise ValueError(f"{tracking}: there is no tracking store: name an mlruns folder or a SQLite file.")
    return f"sqlite:///{place.as_posix()}"


def _mean(metrics: Mapping[str, float], prefix: str) -> float | None:
    return float(np.mean(values)) if (values := [metrics[name] for name in metrics if name.startswith(prefix)]) else None


def joined(given: Evidence, of_a_source: Evidence) -> Evidence:
    """The evidence of a run or a curve, overridden by what was given on the command line."""
    changes = {name: value for name, value in vars(given).items() if value != getattr(Evidence(), name)}
    return replace(of_a_source, **changes)
