"""The audit in MLflow: a parent run per issue, a child per arm and seed, a run per training, each of them once."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param

from saga_kedro.audit.records import code_version
from saga_kedro.audit.training import Trained, gradient_curve

KEY = "audit.key"
PARENT = "mlflow.parentRunId"
CURVE_NAMES = {"loss": "train/loss", "grad_norm": "train/grad_norm", "loss_scaled": "train/grad_norm_as_logged"}


class Runs:
    """The audit's runs by their key, in an experiment that is created if missing."""

    def __init__(self, experiment: str) -> None:
        self.client = mlflow.MlflowClient()
        found = self.client.get_experiment_by_name(experiment)
        self.experiment_id = found.experiment_id if found else self.client.create_experiment(experiment)
        runs = mlflow.search_runs([self.experiment_id], filter_string=f"tags.`{KEY}` != ''", output_format="list")
        self.known = {run.data.tags[KEY]: run.info.run_id for run in runs}

    def open(
        self, key: str, name: str, tags: Mapping[str, Any], parameters: Mapping[str, Any], parent: str | None = None
    ) -> tuple[str, bool]:
        """The id of the run named ``key``, and whether it is new; a new one gets name, tags, parameters and parent (run id)."""
        if key in self.known:
            return self.known[key], False
        given = {**tags, KEY: key, **({PARENT: parent} if parent else {})}
        run = self.client.create_run(self.experiment_id, run_name=name, tags={k: str(v) for k, v in given.items()})
        run_id = self.known[key] = run.info.run_id
        params = [Param(str(name), str(value)[:500]) for name, value in parameters.items()]
        self.client.log_batch(run_id, params=params)
        return run_id, True

    def log(self, run_id: str, metrics: Mapping[str, float | None], step: int = 0) -> None:
        """Log what is finite."""
        self._log_points(run_id, ((name, value, step) for name, value in metrics.items()))

    def log_curves(self, run_id: str, trained: Trained) -> None:
        """A training's losses and true gradient norms, and the norm as the failing code logs it, step by step."""
        for curve in (trained.curve, gradient_curve(trained.curve)):
            for column in curve.columns.intersection([*CURVE_NAMES, "val/loss"]):
                name, points = CURVE_NAMES.get(column, column), zip(curve[column], curve["step"], strict=True)
                self._log_points(run_id, ((name, value, int(step)) for value, step in points))

    def log_training(self, trained: Trained, name: str, seed: int) -> None:
        """A run for a training that has none."""
        key = trained.key
        tags = {"audit.issue": "trainings", "audit.arm": name, "audit.training": key[:12], "audit.code": code_version()}
        run_id, new = self.open(f"train {key}", f"training: {name}", tags, {"seed": seed})
        if new:
            self.log_curves(run_id, trained)
            self.log(run_id, trained.summary["yardsticks"])
            self.client.set_terminated(run_id)

    def _log_points(self, run_id: str, points: Iterable[tuple[str, float | None, int]]) -> None:
        now = int(time.time() * 1000)
        finite = [(name, float(value), step) for name, value, step in points if value is not None and math.isfinite(value)]
        self.client.log_batch(run_id, metrics=[Metric(name, value, now, step) for name, value, step in finite])


def tag_verdicts(runs: Runs, rows: pd.DataFrame, verdicts: pd.DataFrame) -> None:
    """Give each arm's runs its verdict, and each issue's run the verdicts of its arms."""
    answers = {(line["issue"], line["design"], line["arm"]): line["kind"] for line in verdicts.to_dict("records")}
    parents: dict[str, dict[str, str]] = {}
    for line in rows[rows["run_id"] != ""].to_dict("records"):
        answer = answers[(line["issue"], line["design"], line["arm"])]
        runs.client.set_tag(line["run_id"], "audit.verdict", answer)
        parent = runs.client.get_run(line["run_id"]).data.tags.get(PARENT)
        if parent:
            parents.setdefault(parent, {})[f"{line['arm']} ({line['design']})"] = answer
    for parent, found in parents.items():
        said = "; ".join(f"{arm}: {answer}" for arm, answer in found.items())
        runs.client.set_tag(parent, "audit.verdict", said[:4_000])
        runs.client.set_terminated(parent)
