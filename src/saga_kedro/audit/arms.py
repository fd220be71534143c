"""Run the arms: every arm, in every design, at every seed; what is finished is not done again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audit.bench import Bench, Wanted, log_training, score_key
from saga_kedro.audit.configurations import differences, serves_as
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.plan import Planned
from saga_kedro.audit.records import code_version
from saga_kedro.audit.statistics import OPEN, judge, level, looks
from saga_kedro.audit.symptoms import symptoms_of
from saga_kedro.audit.training import Trained, curve_metrics, gradient_curve
from saga_kedro.files import parameter_hash

DONE, ERROR, IDENTICAL, NOT_RUN = "done", "error", "identical", "not run"
COLUMNS = [
    "issue", "design", "arm", "seed", "acts_in", "status", "metric", "value", "baseline_value", "difference",
    "LSD", "LSD_sounding", "SI-SDR", "reported_LSD", "reported_SDR", "loss_plateau", "loss_still_falls", "loss_floor",
    "norm_first", "norm_peak", "norm_last", "reason", "seconds", "key", "run_id", "source_run_id",
]  # fmt: skip


def value_of(
    metric: str, parameters: Mapping[str, Any], trained: Trained | None, record: Mapping[str, Any]
) -> float:
    """The number that decides, of one arm and seed.

    Args:
        metric: ``reported/LSD``, ``reported/SDR``: as ``audit.measure`` says; ``reported/grad_norm_log10``: log10 of the median
            gradient norm of the whole training, as ``audit.measure.gradients`` says; ``train/...`` and ``val/...``: of `saga_kedro.audit.training.curve_metrics`; another: of the outputs
            (`saga_kedro.audit.scoring.measure`).
        parameters: of the arm.
        trained: its training; needed by what is of the training.
        record: of its outputs; may be empty where it is not needed.

    Raises:
        ValueError: there is no such number.
    """
    measure = parameters["audit"]["measure"]
    if metric in ("reported/LSD", "reported/SDR"):
        name = metric.removeprefix("reported/")
        return _number(record["reported"][name][measure["lsd" if name == "LSD" else "sdr"]])
    if metric == "reported/grad_norm_log10":
        assert trained is not None
        norms = gradient_curve(trained.curve)[measure["gradients"]].to_numpy()
        finite = norms[np.isfinite(norms)]
        return float(np.log10(np.median(finite))) if len(finite) else math.nan
    if metric.startswith(("train/", "val/")):
        assert trained is not None
        return curve_metrics(trained.curve).get(metric, math.nan)
    if metric not in record["metrics"]:
        raise ValueError(f"There is no metric {metric!r}; arms report {', '.join(record['metrics'])}.")
    return _number(record["metrics"][metric])


def needs_outputs(metric: str) -> bool:
    return not metric.startswith(("train/", "val/", "reported/grad"))


def run_arms(arms: Sequence[Planned], bench: Bench) -> pd.DataFrame:
    """Every arm, at as many seeds as it takes, with progress.

    Where each seed is a training of its own (`Bench.retrain`), seeds are added in the looks of `saga_kedro.audit.statistics`
    until an arm is decided or `Bench.seeds` is reached. Else each arm is sampled at all seeds, on one training.

    Args:
        arms: of `saga_kedro.audit.plan.plan`.
        bench: what they are run with; arms that act in training are trained where it retrains, else probed and not run.

    Returns:
        ``COLUMNS``, a row per arm and seed; one without a seed (-1) where an arm was not run, is identical or crashes.
    """
    bench.probe(p for arm in arms if arm.acts_in == "training" and not arm.impossible for p in (arm.parameters, arm.baseline))
    rows: dict[int, list[dict[str, Any]]] = {}
    for place, arm in enumerate(arms):
        settled = _settled(arm, bench)
        rows[place] = [settled] if settled else []
    waiting = [place for place in rows if not rows[place]]
    alpha = level(len(waiting), bench.seeds)
    first = 0
    for look in looks(bench.seeds) if bench.retrain else [bench.seeds]:
        for seed in range(first, look):
            bench.prepare(
                (wanted for place in waiting for wanted in _wanted(arms[place], seed, bench)),
                f"seed {seed}: trainings and their scores",
            )
            for place in waiting:
                rows[place].append(_run(arms[place], seed, bench))
        waiting = [place for place in waiting if _open(rows[place], arms[place].issue, alpha)]
        first = look
    return pd.DataFrame([row for place in rows for row in rows[place]], columns=COLUMNS)


def _wanted(arm: Planned, seed: int, bench: Bench) -> Iterator[Wanted]:
    for parameters in (arm.baseline, arm.parameters):
        yield bench.at_seed(parameters, seed), seed


def _open(rows: Sequence[Mapping[str, Any]], issue: Issue, alpha: float) -> bool:
    """Would one more training say more?"""
    done = all(row["status"] == DONE for row in rows)
    return done and judge([row["difference"] for row in rows], issue.smallest_effect, alpha).answer in OPEN


def _row(arm: Planned, seed: int, status: str, **values: Any) -> dict[str, Any]:
    head = {"issue": arm.issue.id, "design": arm.design, "arm": arm.arm, "seed": seed, "acts_in": arm.acts_in, "status": status}
    row: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan) | {"reason": "", "key": "", "run_id": "", "source_run_id": ""}
    return row | head | {"metric": arm.issue.metric} | values


def _settled(arm: Planned, bench: Bench) -> dict[str, Any]:
    """The row of an arm that needs no seeds: impossible, crashing at once, identical, or not to be trained; else empty."""
    if arm.impossible:
        return _row(arm, -1, NOT_RUN, reason=arm.impossible)
    if arm.acts_in == "nothing":
        return _row(arm, -1, IDENTICAL, difference=0.0, reason="sets what the baseline has already")
    if arm.acts_in != "training":
        return {}
    found = bench.probed(arm.parameters)
    if found["error"]:
        row = _row(arm, -1, ERROR, reason=found["error"])
        return _logged(row, arm, bench, None, {})
    if found["weights"] == bench.probed(arm.baseline)["weights"] and serves_alike(arm):
        reason = "its first steps leave the baseline's weights, to the last bit"
        return _logged(_row(arm, -1, IDENTICAL, difference=0.0, reason=reason), arm, bench, None, {})
    return {} if bench.retrain else _row(arm, -1, NOT_RUN, reason="needs a training")


def serves_alike(arm: Planned) -> bool:
    """Does an arm that acts in training sample as its baseline does?"""
    names = [name for name in differences(serves_as(arm.baseline), serves_as(arm.parameters))]
    return not any(name.startswith(("sample.", "serve.")) for name in names)


def _run(arm: Planned, seed: int, bench: Bench) -> dict[str, Any]:
    parameters, baseline = bench.at_seed(arm.parameters, seed), bench.at_seed(arm.baseline, seed)
    name = arm.arm if arm.design == "add_one" else f"as found, {arm.issue.id} put right"
    metric = arm.issue.metric
    trained = bench.trained(parameters, f"{arm.issue.id}: {name}" if arm.acts_in == "training" else arm.baseline_name)
    known = bench.trained(baseline, arm.baseline_name)
    record: dict[str, Any] = bench.scored(parameters, seed, name)
    other: dict[str, Any] = bench.scored(baseline, seed, arm.baseline_name)
    key = parameter_hash("arm", arm.issue.id, arm.design, arm.arm, seed, score_key(parameters, bench.data, seed), metric)
    source = "" if arm.acts_in == "training" else bench.run_id_of(trained)
    if record["error"] and needs_outputs(metric):
        row = _row(arm, seed, ERROR, reason=record["error"], seconds=record["seconds"], key=key, source_run_id=source)
        return _logged(row, arm, bench, trained, record)
    value = value_of(metric, parameters, trained, record)
    reference = value_of(metric, baseline, known, other)
    ways = parameters["audit"]["measure"]
    row = _row(
        arm,
        seed,
        DONE,
        value=value,
        baseline_value=reference,
        difference=value - reference,
        **{name: _number(record["metrics"].get(name)) for name in ("LSD", "LSD_sounding", "SI-SDR")},
        reported_LSD=_number(record["reported"]["LSD"][ways["lsd"]]),
        reported_SDR=_number(record["reported"]["SDR"][ways["sdr"]]),
        **symptoms_of(trained, ways["gradients"]),
        seconds=record["seconds"] + (trained.summary.get("seconds", 0.0) if arm.acts_in == "training" else 0.0),
        key=key,
        source_run_id=source,
    )
    return _logged(row, arm, bench, trained, record)


def _logged(
    row: dict[str, Any], arm: Planned, bench: Bench, trained: Trained | None, record: Mapping[str, Any]
) -> dict[str, Any]:
    """The row with the id of its MLflow run."""
    if bench.runs is None:
        return row
    parent = parent_run(arm.issue, bench)
    key = row["key"] or parameter_hash(
        "arm", arm.issue.id, arm.design, arm.arm, row["status"], code_version(), bench.data.version
    )
    tags = {
        "audit.issue": arm.issue.id,
        "audit.arm": arm.arm,
        "audit.design": arm.design,
        "audit.seed": row["seed"],
        "audit.status": row["status"],
        "audit.source_run_id": row["source_run_id"],
        "audit.code": code_version(),
        "saga.data_version": bench.data.version,
    }
    if row["reason"]:
        tags["audit.reason"] = row["reason"]
    changes = {name: value for name, (_, value) in differences(arm.baseline, arm.parameters).items()}
    seed = f", seed {row['seed']}" if row["seed"] >= 0 else ""
    name = f"{arm.issue.id}: {arm.arm} ({arm.design}{seed})"
    run_id, new = bench.runs.open(key, name, tags, changes, parent)
    if new:
        metrics = dict(record.get("metrics", {}))
        if record.get("reported"):
            ways = arm.parameters["audit"]["measure"]
            metrics |= {f"reported/{n}": record["reported"][n][ways["lsd" if n == "LSD" else "sdr"]] for n in ("LSD", "SDR")}
        if trained is not None:
            metrics |= curve_metrics(trained.curve)
            if arm.acts_in == "training":
                log_training(bench.runs, run_id, trained)
        metrics["audit/difference"] = row["difference"]
        bench.runs.log(run_id, metrics, step=int(arm.parameters["fit"]["steps"]))
        bench.runs.finish(run_id)
    return row | {"run_id": run_id, "key": key}


def parent_run(issue: Issue, bench: Bench) -> str:
    """The issue's run in MLflow, made where it is missing."""
    assert bench.runs is not None
    if issue.id not in bench.parents:
        key = parameter_hash("issue", issue.id, bench.data.version, bench.data.pairs_version, code_version(), bench.retrain)
        tags = {
            "audit.issue": issue.id,
            "audit.budget": "full" if bench.retrain else "quick",
            "mlflow.note.content": f"{issue.claim.en}\n\n{issue.difference}",
        }
        bench.parents[issue.id], _ = bench.runs.open(key, f"audit: {issue.id}", tags, {"metric": issue.metric})
    return bench.parents[issue.id]


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
