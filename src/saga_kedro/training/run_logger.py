"""Lightning's metrics into one MLflow run, each step once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from mlflow import MlflowClient
from mlflow.entities import Metric

from saga_kedro.tracking import last_step
from saga_kedro.training.devices import is_first


class RunLogger(Logger):
    """Logs to a run that is already there, and leaves out the steps that it already has.

    A resumed training repeats the steps since its last checkpoint; being deterministic, it would only log them again. The run's
    status is set by the process that started the run.
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.last: dict[str, int] = {}

    @property
    def name(self) -> str:
        return "mlflow"

    @property
    def version(self) -> str:
        return self.run_id

    def log_hyperparams(self, *arguments: Any, **named: Any) -> None:
        """kedro-mlflow logs the parameters."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if not is_first():
            return
        now = int(time.time() * 1000)
        step = step or 0
        new = []
        for name, value in metrics.items():
            if name == "epoch":
                continue
            if name not in self.last:
                self.last[name] = last_step(self.run_id, name)
            if step > self.last[name]:
                new.append(Metric(name, float(value), now, step))
        if new:
            MlflowClient().log_batch(self.run_id, metrics=new)
