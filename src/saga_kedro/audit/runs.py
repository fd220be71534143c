"""The audit in MLflow: a parent run per issue, a child per arm and seed, each of them once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

KEY = "audit.key"
PARENT = "mlflow.parentRunId"
BATCH, PARAMS = 900, 90  # MLflow takes a thousand metrics, or a hundred parameters, in one call


class Runs:
    """The audit's runs by their key, in an experiment that is created if missing."""

    def __init__(self, experiment: str) -> None:
        self.client = MlflowClient()
        found = self.client.get_experiment_by_name(experiment)
        self.experiment_id = found.experiment_id if found else self.client.create_experiment(experiment)
        self.known: dict[str, str] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], filter_string=f"tags.`{KEY}` != ''", page_token=token, max_results=1000
            )
            self.known |= {run.data.tags[KEY]: run.info.run_id for run in page}
            token = page.token
            if not token:
                break

    def open(
        self, key: str, name: str, tags: Mapping[str, Any], parameters: Mapping[str, Any], parent: str | None = None
    ) -> tuple[str, bool]:
        """The id of the run named ``key``, and whether it is new; a new one gets name, tags, parameters and parent (run id)."""
        if key in self.known:
            return self.known[key], False
        given = {**tags, KEY: key, **({PARENT: parent} if parent else {})}
        run = self.client.create_run(self.experiment_id, run_name=name, tags={k: str(v) for k, v in given.items()})
        run_id = run.info.run_id
        params = [Param(str(name), str(value)[:500]) for name, value in parameters.items()]
        for first in range(0, len(params), PARAMS):
            self.client.log_batch(run_id, params=params[first : first + PARAMS])
        self.known[key] = run_id
        return run_id, True

    def log(self, run_id: str, metrics: Mapping[str, float | None], step: int = 0) -> None:
        """Log what is finite."""
        now = int(time.time() * 1000)
        rows = [
            Metric(name, float(value), now, step) for name, value in metrics.items() if value is not None and _finite(value)
        ]
        if rows:
            self.client.log_batch(run_id, metrics=rows)

    def log_curve(self, run_id: str, curve: pd.DataFrame, names: Mapping[str, str]) -> None:
        """Log columns of a curve under other names, step by step."""
        now = int(time.time() * 1000)
        rows = [
            Metric(names[column], float(value), now, int(step))
            for column in names
            if column in curve
            for step, value in zip(curve["step"], curve[column], strict=True)
            if _finite(value)
        ]
        for first in range(0, len(rows), BATCH):
            self.client.log_batch(run_id, metrics=rows[first : first + BATCH])

    def tag(self, run_id: str, tags: Mapping[str, Any]) -> None:
        self.client.log_batch(run_id, tags=[RunTag(name, str(value)) for name, value in tags.items()])

    def finish(self, run_id: str) -> None:
        self.client.set_terminated(run_id)


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(float(value))


def tag_verdicts(runs: Runs, rows: pd.DataFrame, verdicts: pd.DataFrame) -> None:
    """Give each arm's runs its verdict, and each issue's run the verdicts of its arms."""
    answers = {(line["issue"], line["design"], line["arm"]): line["kind"] for line in verdicts.to_dict("records")}
    parents: dict[str, dict[str, str]] = {}
    for line in rows.to_dict("records"):
        if not line["run_id"]:
            continue
        answer = answers[(line["issue"], line["design"], line["arm"])]
        runs.tag(line["run_id"], {"audit.verdict": answer})
        parent = runs.client.get_run(line["run_id"]).data.tags.get(PARENT)
        if parent:
            parents.setdefault(parent, {})[f"{line['arm']} ({line['design']})"] = answer
    for parent, found in parents.items():
        runs.tag(parent, {"audit.verdict": "; ".join(f"{arm}: {answer}" for arm, answer in found.items())[:4_000]})
        runs.finish(parent)
