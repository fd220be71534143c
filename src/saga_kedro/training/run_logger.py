"""Lightning's metrics into one MLflow run, each step once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from saga_kedro.tracking import last_step


class RunLogger(Logger):
    """Logs to a run that is already there, and leaves out the steps that it already has.

    A killed training goes on from its last checkpoint and walks over some steps again; being deterministic, it would only
    repeat them. The run's status stays with who started the run.
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

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        import time

        from mlflow import MlflowClient
        from mlflow.entities import Metric

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
