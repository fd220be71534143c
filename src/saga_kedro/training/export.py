"""A model from a training's checkpoint, in one process: the training may be interrupted, or sharded over many."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import Callback

from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import write_model

EMA = "ema.ema_model."  # where `FlowTraining` keeps the averaged network
MODEL = "saga_sr"  # where a checkpoint keeps what a model has beside its network


class Exportable(Callback):
    """Puts the configuration of the trained model and its fitted tables into every checkpoint."""

    def __init__(self, model: SagaSR) -> None:
        self.model = model

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        # Tensors, since Lightning loads the checkpoint of a sharded training with `weights_only` in any case.
        tables = {name: torch.from_numpy(table) for name, table in self.model.tables().items()}
        checkpoint[MODEL] = {"config": self.model.config, "tables": tables}


def model_state(state: Mapping[str, torch.Tensor], tables: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a model by name: the averaged network of a training's whole ``state``, and its fitted tables."""
    network = {f"network.{name.removeprefix(EMA)}": value for name, value in state.items() if name.startswith(EMA)}
    fitted = {name: torch.as_tensor(table) for name, table in tables.items()}
    return {name: value.detach().cpu().contiguous() for name, value in (network | fitted).items()}


def export(checkpoint: str | Path, folder: str | Path) -> int:
    """Write the averaged model of a checkpoint into ``folder``, as a finished training would; returns its steps.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint of this package.
    """
    if not Path(checkpoint).is_file():
        raise FileNotFoundError(f"There is no checkpoint {checkpoint}: a training writes <its folder>/training/last.ckpt.")
    try:
        held = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, pickle.UnpicklingError):
        held = {}
    if MODEL not in held:
        raise ValueError(
            f"{checkpoint} is not a checkpoint that this version's `fit` wrote: give <its folder>/training/last.ckpt."
        )
    write_model(folder, held[MODEL]["config"], model_state(held["state_dict"], held[MODEL]["tables"]))
    return int(held["global_step"])
