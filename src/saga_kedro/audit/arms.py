"""Run the arms: every arm, in every design, at every seed; finished work is not done again."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audit.bench import Bench
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.plan import Planned, differences
from saga_kedro.audit.records import code_version
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.statistics import OPEN, judge, level, looks
from saga_kedro.audit.symptoms import median, symptoms_of
from saga_kedro.audit.training import Trained, curve_metrics, gradient_curve
from saga_kedro.audit.words import say
from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Measure

DONE, ERROR, IDENTICAL, NOT_RUN = "done", "error", "identical", "not run"
CRASHED = "crashed"
OF_TRAINING = ("train/", "val/", "reported/grad")  # metrics that need no outputs

COLUMNS = [
    "issue", "design", "arm", "seed", "acts_in", "status", "metric", "value", "baseline_value", "difference",
    "LSD", "LSD_sounding", "SI-SDR", "reported_LSD", "reported_SDR", "loss_plateau", "loss_still_falls", "loss_floor",
    "norm_first", "norm_peak", "norm_last", "reason", "detail", "seconds", "key", "run_id", "source_run_id",
]  # fmt: skip
EMPTY = dict.fromkeys(COLUMNS, math.nan) | dict.fromkeys(("reason", "detail", "key", "run_id", "source_run_id"), "")


def run_arms(arms: Sequence[Planned], bench: Bench) -> pd.DataFrame:
    """Run every arm with progress: ``COLUMNS``, a row per arm and seed (-1 if it was not run, is identical or crashes).

    With `Bench.retrain`, seeds are added in the looks of `saga_kedro.audit.statistics` until an arm is decided or `Bench.seeds`
    is reached. Otherwise each arm is sampled at all seeds on one training; arms that act in training are only probed.
    """
    bench.probe(p for arm in arms if not arm.needs and arm.acts_in == "training" for p in (arm.parameters, arm.baseline))
    rows: list[list[dict[str, Any]]] = [_settled(arm, bench) for arm in arms]
    waiting = [place for place, known in enumerate(rows) if not known]
    alpha = level(len(waiting), bench.seeds)
    first = 0
    for look in looks(bench.seeds) if bench.retrain else [bench.seeds]:
        for seed in range(first, look):
            compared = [one for place in waiting for one in (arms[place].baseline, arms[place].parameters)]
            wanted = [(bench.at_seed(parameters, seed), seed) for parameters in compared]
            bench.prepare(wanted, f"seed {seed}: trainings and their scores")
            for place in waiting:
                rows[place].append(_run(arms[place], seed, bench))
        waiting = [place for place in waiting if _is_open(rows[place], arms[place].issue, alpha)]
        first = look
    return pd.DataFrame([row for of_arm in rows for row in of_arm], columns=COLUMNS)


def _settled(arm: Planned, bench: Bench) -> list[dict[str, Any]]:
    """The row of an arm that needs no seeds: impossible, identical, crashing in its first steps, or not to be trained."""
    if arm.needs:
        return [_row(arm, -1, NOT_RUN, reason="needs_parameter", detail=arm.needs)]
    if arm.acts_in == "nothing":
        return [_row(arm, -1, IDENTICAL, difference=0.0, reason="same_settings")]
    if arm.acts_in != "training":
        return []
    found = bench.probed(arm.parameters)
    if found["error"]:
        return [_logged(_row(arm, -1, ERROR, reason=CRASHED, detail=found["error"]), arm, bench, None, {})]
    served = [(one.sample, one.audit.serve) for one in (arm.baseline, arm.parameters)]
    if found["weights"] == bench.probed(arm.baseline)["weights"] and served[0] == served[1]:
        return [_logged(_row(arm, -1, IDENTICAL, difference=0.0, reason="same_steps"), arm, bench, None, {})]
    return [] if bench.retrain else [_row(arm, -1, NOT_RUN, reason="needs_training")]


def _run(arm: Planned, seed: int, bench: Bench) -> dict[str, Any]:
    """The row of an arm and seed, from its training and scores and its baseline's."""
    parameters, baseline = bench.at_seed(arm.parameters, seed), bench.at_seed(arm.baseline, seed)
    metric, ways, trains = arm.issue.metric, parameters.audit.measure, arm.acts_in == "training"
    name = f"{arm.issue.id}: {arm.arm if arm.design == 'add_one' else f'as found, {arm.issue.id} fixed'}"
    trained = bench.trained(parameters, name if trains else arm.baseline_name)
    known = bench.trained(baseline, arm.baseline_name)
    record, other = bench.scored(parameters, seed), bench.scored(baseline, seed)
    key = parameter_hash("arm", arm.issue.id, arm.design, arm.arm, seed, bench.score_key(parameters, seed), metric)
    row = _row(arm, seed, DONE, seconds=record["seconds"], key=key)
    if bench.runs is not None and not trains:
        row["source_run_id"] = bench.runs.known.get(f"train {trained.key}", "")
    if record["error"] and not metric.startswith(OF_TRAINING):
        row |= {"status": ERROR, "reason": CRASHED, "detail": record["error"]}
    else:
        value, reference = value_of(metric, ways, trained, record), value_of(metric, baseline.audit.measure, known, other)
        row |= {"value": value, "baseline_value": reference, "difference": value - reference}
        row |= {name: _number(record.get("metrics", {}).get(name)) for name in ("LSD", "LSD_sounding", "SI-SDR")}
        row |= {name.replace("/", "_"): _number(found) for name, found in _reported(record, ways).items()}
        row |= symptoms_of(trained, ways.gradients)
        row["seconds"] += trained.summary.get("seconds", 0.0) if trains else 0.0
    return _logged(row, arm, bench, trained, record)


def _row(arm: Planned, seed: int, status: str, **values: Any) -> dict[str, Any]:
    head = {"issue": arm.issue.id, "design": arm.design, "arm": arm.arm, "seed": seed, "acts_in": arm.acts_in, "status": status}
    return EMPTY | head | {"metric": arm.issue.metric} | values


def _is_open(rows: Sequence[Mapping[str, Any]], issue: Issue, alpha: float) -> bool:
    """Would one more training say more?"""
    done = all(row["status"] == DONE for row in rows)
    return done and judge([row["difference"] for row in rows], issue.smallest_effect, alpha).answer in OPEN


def value_of(metric: str, measure: Measure, trained: Trained, record: Mapping[str, Any]) -> float:
    """The number that decides, of one arm and seed; ValueError if there is none of that name.

    ``reported/LSD`` and ``/SDR`` are measured as the arm does; ``reported/grad_norm_log10`` is log10 of the training's median
    norm; ``train/...`` and ``val/...`` come from `curve_metrics` and need no ``record``; all others from `scoring.measure`.
    """
    if metric in ("reported/LSD", "reported/SDR"):
        return _number(_reported(record, measure)[metric])
    if metric == "reported/grad_norm_log10":
        return float(np.log10(median(gradient_curve(trained.curve)[measure.gradients].to_numpy())))
    if metric.startswith(("train/", "val/")):
        return curve_metrics(trained.curve).get(metric, math.nan)
    if metric not in record["metrics"]:
        raise ValueError(f"There is no metric {metric!r}; arms report {', '.join(record['metrics'])}.")
    return _number(record["metrics"][metric])


def _reported(record: Mapping[str, Any], measure: Measure) -> dict[str, Any]:
    """LSD and SDR as an arm reports them; none of an arm that crashed."""
    if not record.get("reported"):
        return {}
    return {"reported/LSD": record["reported"]["LSD"][measure.lsd], "reported/SDR": record["reported"]["SDR"][measure.sdr]}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _logged(
    row: dict[str, Any], arm: Planned, bench: Bench, trained: Trained | None, record: Mapping[str, Any]
) -> dict[str, Any]:
    """The row with the id of its MLflow run, a child of its issue's."""
    if bench.runs is None:
        return row
    names = (arm.issue.id, arm.design, arm.arm)
    key = row["key"] or parameter_hash("arm", *names, row["status"], code_version(), bench.data.version)
    tags = {f"audit.{name}": row[name] for name in ("issue", "arm", "design", "seed", "status", "source_run_id")}
    tags |= {"audit.code": code_version(), "saga.data_version": bench.data.version}
    if row["reason"]:
        tags["audit.reason"] = say("en", row["reason"], detail=row["detail"])
    changes = {n: value for n, (_, value) in differences(arm.baseline.model_dump(), arm.parameters.model_dump()).items()}
    seed = f", seed {row['seed']}" if row["seed"] >= 0 else ""
    name = f"{arm.issue.id}: {arm.arm} ({arm.design}{seed})"
    run_id, new = bench.runs.open(key, name, tags, changes, _issues_run(arm.issue, bench, bench.runs))
    if new:
        metrics = {**record.get("metrics", {}), **_reported(record, arm.parameters.audit.measure)}
        if trained is not None:
            metrics |= curve_metrics(trained.curve)
            if arm.acts_in == "training":
                bench.runs.log_curves(run_id, trained)
        bench.runs.log(run_id, metrics | {"audit/difference": row["difference"]}, step=arm.parameters.fit.steps)
        bench.runs.client.set_terminated(run_id)
    return row | {"run_id": run_id, "key": key}


def _issues_run(issue: Issue, bench: Bench, runs: Runs) -> str:
    """The issue's run in MLflow, made if it is missing."""
    key = parameter_hash("issue", issue.id, bench.data.version, bench.data.pairs_version, code_version(), bench.retrain)
    tags = {
        "audit.issue": issue.id,
        "audit.budget": "full" if bench.retrain else "quick",
        "mlflow.note.content": f"{issue.claim.en}\n\n{issue.difference}",
    }
    return runs.open(key, f"audit: {issue.id}", tags, {"metric": issue.metric})[0]
