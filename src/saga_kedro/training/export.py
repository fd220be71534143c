"""A training's checkpoint as a model: in one process, however many trained it, and whether or not they came to the end."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import Callback

from saga_kedro.model.saga_sr import SagaSR

EMA = "ema.ema_model."  # where `FlowTraining` keeps the averaged network
MODEL = "saga_sr"  # where a checkpoint keeps what a model has beside its network


class Exportable(Callback):
    """Puts into every checkpoint what a model has beside its network: its configuration and its fitted tables.

    Args:
        model: that is trained, its tables fitted.
    """

    def __init__(self, model: SagaSR) -> None:
        self.model = model

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        # Tensors, since Lightning loads the checkpoint of a sharded training with `weights_only`, whatever it is told.
        tables = {name: torch.from_numpy(table) for name, table in self.model.tables().items()}
        checkpoint[MODEL] = {"config": self.model.config, "tables": tables}


def averaged(model: SagaSR, state: Mapping[str, torch.Tensor]) -> SagaSR:
    """A model like this one, with the averaged network of a training's state; the trained one may be sharded."""
    trained = SagaSR(model.config, model.codec, model.text_encoder)
    trained.network.load_state_dict({name.removeprefix(EMA): state[name] for name in state if name.startswith(EMA)})
    trained.rolloff_predictor.load_state_dict(model.rolloff_predictor.state_dict())
    trained.floor_predictor.load_state_dict(model.floor_predictor.state_dict())
    return trained


def export(checkpoint: str | Path, folder: str | Path) -> int:
    """Write the model that a checkpoint holds into ``folder``, as a training that came to its end would.

    Args:
        checkpoint: that `fit` wrote.
        folder: for ``model.safetensors`` and ``saga_sr.json``.

    Returns:
        The steps that it was trained for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no checkpoint of a training of this package.
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
    model = SagaSR(held[MODEL]["config"])
    for name, value in held[MODEL]["tables"].items():
        model.tables()[name][...] = value.numpy()
    averaged(model, held["state_dict"]).save_pretrained(folder)
    return int(held["global_step"])
