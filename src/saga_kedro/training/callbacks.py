"""What is measured while training, and under which step: gradient norms, throughput."""

from __future__ import annotations

import time

import lightning.pytorch as pl
import torch
from lightning.pytorch import Callback
from torch.distributed.tensor import DTensor

from saga_kedro.model.network import SagaNetwork


def gradient_norms(network: SagaNetwork) -> dict[str, float]:
    """L2 norms of the gradients: ``train/grad_norm`` of all, ``train/grad_norm/<module>`` of each part of the network.

    Modules are the network's own and, of the DiT, its direct parts.
    """
    squares: dict[str, list[torch.Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            module = name.removeprefix("dit.model.").split(".")[0]
            squares.setdefault(module, []).append(parameter.grad)
    parts = {module: [whole(norm) for norm in torch._foreach_norm(gradients)] for module, gradients in squares.items()}
    norms = {module: float(torch.stack(part).norm()) for module, part in parts.items()}
    total = sum(norm**2 for norm in norms.values()) ** 0.5
    return {"train/grad_norm": total} | {f"train/grad_norm/{module}": norm for module, norm in norms.items()}


def whole(value: torch.Tensor) -> torch.Tensor:
    """A tensor that FSDP shards, put together; any other as it is."""
    return value.full_tensor() if isinstance(value, DTensor) else value


class StepNumbers(Callback):
    """Has Lightning log each step under its own number; it must come before the callbacks that log.

    Lightning counts the steps that it logs apart from the steps that it did, and is one ahead after a resume.
    """

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch, batch_index: int) -> None:
        trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


class GradientNorms(Callback):
    """Logs the true gradient norms: after unscaling under mixed precision, before clipping.

    Args:
        every: steps between two logged ones.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if (trainer.global_step + 1) % self.every == 0:
            module.log_dict(gradient_norms(module.network))  # type: ignore[arg-type]


class Throughput(Callback):
    """Logs segments per second over each stretch between two logged steps.

    Args:
        every: steps between two logged ones.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.since, self.segments = time.perf_counter(), 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs, batch, batch_index: int) -> None:
        self.segments += len(batch["name"]) * trainer.world_size
        if self.segments and trainer.global_step % self.every == 0:
            module.log("train/segments_per_second", self.segments / (time.perf_counter() - self.since))
            self.since, self.segments = time.perf_counter(), 0
