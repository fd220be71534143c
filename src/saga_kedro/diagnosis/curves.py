"""A person's own curves: of an MLflow run, a CSV or a TensorBoard event file; and the evidence in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.diagnosis.numbers import Evidence

Curves = dict[str, pd.DataFrame]
"""``loss`` and ``norm``, as far as they are there -> table with ``step`` and ``value``, in the order of steps."""

SAID = {"loss": r"loss", "norm": r"grad.*norm"}
OTHERS = r"val|test|eval|__min|__max|lr|scale|true|plateau|loss/"
STEPS = ("step", "global_step", "_step", "iteration")


def chosen(names: Iterable[str]) -> dict[str, str]:
    """Which of a logger's names is the training loss and which the gradient norm: as logged before others, then short ones."""
    found, names = {}, list(names)
    for curve, said in SAID.items():
        fitting = [name for name in names if re.search(said, name, re.IGNORECASE) and not re.search(OTHERS, name.lower())]
        if fitting:
            found[curve] = min(fitting, key=lambda name: ("as_logged" not in name, "step" not in name, len(name)))
    return found


def read_curves(path: Path) -> Curves:
    """Loss and gradient norms of a CSV, or of a TensorBoard event file or the folder of one.

    A CSV has a column a metric (Lightning's logger, Weights & Biases), a line a metric (``metric``, ``step``, ``value``), or is
    one curve that TensorBoard has exported (``Step``, ``Value``), whose file name says what it is.

    Raises:
        ValueError: the file is missing or cannot be read, holds neither curve, or TensorBoard's reader is not installed.
    """
    if not path.exists():
        raise ValueError(f"{path}: there is no such file.")
    columns = _csv_columns(path) if path.suffix.lower() == ".csv" else _event_columns(path)
    names = chosen(columns)
    if not names:
        there = ", ".join(list(columns)[:8]) or "nothing"
        raise ValueError(f"{path}: no column or tag is a training loss or a gradient norm; there are: {there}.")
    return {curve: columns[name] for curve, name in names.items()}


def _csv_columns(path: Path) -> Curves:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as a CSV ({str(error).splitlines()[0].rstrip('.')}).") from error
    lower = {str(name).lower(): name for name in table.columns}
    step = next((table[lower[name]] for name in STEPS if name in lower), pd.Series(table.index))
    if {"metric", "value"} <= lower.keys():
        parts = {str(name): part.index for name, part in table.groupby(lower["metric"])}
        return {name: _curve(step[lines], table.loc[lines, lower["value"]]) for name, lines in parts.items()}
    if "value" in lower:
        return {path.stem: _curve(step, table[lower["value"]])}
    # a line has what was logged at its step; the rest of its cells is blank
    return {str(name): _curve(step, table[name]).dropna(ignore_index=True) for name in table.columns}


def _curve(steps: Iterable[float], values: Iterable[float]) -> pd.DataFrame:
    table = pd.DataFrame({"step": list(steps), "value": list(values)}).apply(pd.to_numeric, errors="coerce")
    return table.dropna(subset="step").sort_values("step", kind="stable", ignore_index=True)


def _event_columns(path: Path) -> Curves:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        advice = "`pip install tensorboard`, or export the curves as CSV"
        raise ValueError(f"{path}: TensorBoard's reader is not installed: {advice}.") from None
    try:
        events = EventAccumulator(str(path), {"scalars": 0}).Reload()
        tags = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    except Exception as error:
        raise ValueError(f"{path}: cannot be read as a TensorBoard event file ({type(error).__name__}).") from error
    return {tag: _curve((point.step for point in points), (point.value for point in points)) for tag, points in tags.items()}


def of_curves(curves: Curves) -> Evidence:
    """Where the loss settled (mean of its last fifth), and medians of up to ten parts of the gradient norms."""
    loss = curves["loss"]["value"].to_numpy() if "loss" in curves else np.zeros(0)
    norms = curves["norm"]["value"].to_numpy() if "norm" in curves else np.zeros(0)
    norms = norms[np.isfinite(norms)]
    return Evidence(
        loss=float(np.mean(loss[-max(1, len(loss) // 5) :])) if len(loss) else None,
        grad_norms=[float(np.median(part)) for part in np.array_split(norms, min(10, len(norms)))] if len(norms) else (),
    )


def of_run(run_id: str, tracking: str | None = None) -> tuple[Evidence, Curves]:
    """The curves of an MLflow run and the evidence in it: loss, latents' deviation, norms, LSD and SI-SDR of any category.

    Args:
        run_id: its id.
        tracking: folder (``mlruns``), SQLite file or address of the store; None is the project around this folder, or what
            MLFLOW_TRACKING_URI says.

    Raises:
        ValueError: there is no such store or run.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    address = _address(tracking)
    try:
        client = MlflowClient(address)
        run = client.get_run(run_id)
        histories = {curve: client.get_metric_history(run_id, name) for curve, name in chosen(run.data.metrics).items()}
    except MlflowException as error:
        where = f" in {tracking}" if tracking else ", and --tracking names no store"
        raise ValueError(f"MLflow has no run {run_id}{where}: its ids are in the UI (`make ui`) and in fit.json.") from error
    curves = {curve: _curve((p.step for p in points), (p.value for p in points)) for curve, points in histories.items()}
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
    from saga_kedro.configuration import find_project

    project = find_project(Path.cwd())
    if tracking is None and project is not None and "MLFLOW_TRACKING_URI" not in os.environ:
        tracking = str(project / "mlruns" / "mlflow.db")
    if tracking is None or "://" in tracking:
        return tracking
    place = Path(tracking).resolve()
    if place.is_dir() and not (place / "mlflow.db").exists():
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow refuses its old layout unless it is told to
        return place.as_uri()
    place = place / "mlflow.db" if place.is_dir() else place
    if not place.is_file():  # MLflow would make one
        raise ValueError(f"{tracking}: there is no tracking store: name an mlruns folder or a SQLite file.")
    return f"sqlite:///{place.as_posix()}"


def _mean(metrics: Mapping[str, float], prefix: str) -> float | None:
    return float(np.mean(values)) if (values := [metrics[name] for name in metrics if name.startswith(prefix)]) else None


def joined(given: Evidence, of_a_source: Evidence) -> Evidence:
    """What is given on the command line goes before what a run or a curve says."""
    changes = {name: value for name, value in vars(given).items() if value != getattr(Evidence(), name)}
    return replace(of_a_source, **changes)
