"""What a training measures, and how it reaches MLflow: each step once, under its own number."""

import math
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import Callback
from lightning.pytorch.loggers.logger import Logger
from mlflow import MlflowClient
from mlflow.entities import Metric
from torch.distributed.tensor import DTensor

from saga_kedro.errors import SagaError
from saga_kedro.model.network import SagaNetwork
from saga_kedro.tracking import last_step
from saga_kedro.training.devices import is_first


def gradient_norms(network: SagaNetwork) -> dict[str, float]:
    """L2 norms of the gradients: ``train/grad_norm`` of all, ``train/grad_norm/<module>`` of each part of network and DiT."""
    gradients: dict[str, list[torch.Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            module = name.removeprefix("dit.model.").split(".")[0]
            gradients.setdefault(module, []).append(parameter.grad)
    norms = {module: _norm(of_module) for module, of_module in gradients.items()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    return {"train/grad_norm": total} | {f"train/grad_norm/{module}": norm for module, norm in norms.items()}


@torch.no_grad()
def _norm(tensors: list[torch.Tensor]) -> float:
    norms = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in torch._foreach_norm(tensors)]
    return float(torch.stack(norms).norm())


class StepNumbers(Callback):
    """Has Lightning, which is one ahead after a resume, log each step under its own number; it comes before all that log."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch, batch_index: int) -> None:
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


class Diverged(SagaError):
    """A training's weights are no longer finite numbers."""


class Finite(Callback):
    """Ends a training with the step that leaves weights that are not finite, before they are averaged, validated or saved.

    A loss or gradient that is not finite leaves such weights. With precision 16-mixed the scaler skips steps that overflow;
    those end a training once the loss scale is below 1, as fairseq's ``min_loss_scale`` does.
    """

    def __init__(self) -> None:
        self.step = 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs, batch, batch_index: int) -> None:
        if trainer.global_step == self.step:  # the step continues with another batch
            return
        self.step = trainer.global_step
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        overflows = scaler is not None and scaler.get_scale() < 1
        if not overflows and math.isfinite(_norm([*module.network.parameters()])):  # type: ignore[union-attr]
            return
        wrong = "every gradient overflows in 16 bits" if overflows else "weights are no longer finite numbers"
        loss = float(trainer.callback_metrics["train/loss"])
        raise Diverged(
            f"The training diverged in step {self.step - 1}: its loss is {loss:.3g}, and {wrong}. "
            "The last checkpoint from before that stays. Try a lower fit.learning_rate, fit.clip_gradient_norm=1.0, or "
            "fit.precision=32-true; and a checkpoint that fit.start names should be of the same kind of model."
        )


class StepLog(Callback):
    """Logs the learning rate and the true gradient norms (unscaled, not clipped yet) every so many steps."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if (trainer.global_step + 1) % self.every == 0:
            module.log_dict(gradient_norms(module.network))  # type: ignore[arg-type]
            module.log("lr-AdamW", optimizer.param_groups[0]["lr"])


class Throughput(Callback):
    """Logs segments per second over each stretch of ``every`` steps."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.since, self.segments, self.step = time.perf_counter(), 0, trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs, batch, batch_index: int) -> None:
        self.segments += len(batch["name"]) * trainer.world_size
        if trainer.global_step - self.step >= self.every:
            module.log("train/segments_per_second", self.segments / (time.perf_counter() - self.since))
            self.since, self.segments, self.step = time.perf_counter(), 0, trainer.global_step


class RunLogger(Logger):
    """Logs to an existing run, whose status is not changed, and leaves out the steps that it already has.

    A resumed training repeats the steps since its last checkpoint; being deterministic, it would only log them again.
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.last_step = cache(lambda metric: last_step(run_id, metric))

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
        now, step = int(time.time() * 1000), step or 0
        new = {name: float(value) for name, value in metrics.items() if name != "epoch" and step > self.last_step(name)}
        if new:
            MlflowClient().log_batch(self.run_id, metrics=[Metric(name, value, now, step) for name, value in new.items()])
