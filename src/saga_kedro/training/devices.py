"""How many processes a training has, which of them writes, and how Lightning spreads the network over them."""

import os

import torch
from lightning.pytorch.strategies import ModelParallelStrategy

from saga_kedro.parameters import Fit


def devices_per_node(fit: Fit) -> int:
    """Processes of a training on each node: one a device."""
    if isinstance(fit.devices, list):
        return len(fit.devices)
    if fit.devices not in ("auto", "-1", -1):
        return int(fit.devices)
    return max(1, torch.cuda.device_count()) if fit.accelerator in ("auto", "gpu", "cuda") else 1


def device_of(accelerator: str) -> torch.device:
    """Where this process computes outside of trainings: on its GPU where it has one, unless ``fit.accelerator`` is cpu."""
    return torch.device("cuda" if torch.cuda.is_available() and accelerator != "cpu" else "cpu")


def is_first() -> bool:
    """Whether this process writes files and logs: the only one, or torchrun's first. (Job schedulers set RANK, too.)"""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["RANK"] == "0"


def strategy_of(fit: Fit) -> str | ModelParallelStrategy:
    """Lightning's strategy for ``fit.strategy``.

    ``fsdp`` is FSDP2, where the average's shards match the network's. (FSDP1 renames parameters, and `ema_pytorch` would
    silently stop updating the average.) Checkpoints are whole files.
    """
    if fit.strategy != "fsdp":
        return fit.strategy
    return ModelParallelStrategy(
        data_parallel_size=devices_per_node(fit) * fit.nodes, tensor_parallel_size=1, save_distributed_checkpoint=False
    )
