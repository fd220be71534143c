"""What Lightning's trainer is given: how it spreads the network over devices, and how it writes checkpoints."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import ModelParallelStrategy

from saga_kedro.files import atomic_path
from saga_kedro.parameters import Fit
from saga_kedro.training.devices import devices_per_node


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it. (Lightning writes to /tmp and copies to another device.)"""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)


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
