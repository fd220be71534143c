"""What the audit adds to a training: its curve, step by step; weights on the way; the failing code's ways to start."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch import Callback
from safetensors.torch import save_file
from torch import Tensor

from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.draws import generator
from saga_kedro.files import atomic_path
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.starting_weights import WIDENED
from saga_kedro.training.callbacks import gradient_norms
from saga_kedro.training.flow_training import FlowTraining

CURVE = "curve.jsonl"


class Curve(Callback):
    """Appends loss, true gradient norm and largest gradient of every step, and validation losses, to a file of JSON lines.

    The loss is the mean over the step's micro-batches; Lightning's ``outputs["loss"]`` is that of one, divided by their number.
    Steps with non-finite gradients are skipped, as in 16-bit training. If a resumed training repeats a step, the last counts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.norms: dict[str, float] = {}
        self.losses: list[float] = []

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Any) -> None:
        gradients = [p.grad for p in module.network.parameters() if p.grad is not None]  # type: ignore[union-attr]
        norm = gradient_norms(module.network)["train/grad_norm"]  # type: ignore[arg-type]
        largest = float(torch.stack(torch._foreach_norm(gradients, ord=math.inf)).max()) if gradients else math.nan
        self.norms = {"grad_norm": norm, "grad_max": largest, "skipped": float(not math.isfinite(norm))}
        if not math.isfinite(norm):
            optimizer.zero_grad(set_to_none=True)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int) -> None:
        self.losses.append(float(outputs["loss"]) * trainer.accumulate_grad_batches)
        if self.norms:  # else gradients accumulate: the step is not done
            self._write({"step": trainer.global_step, "loss": sum(self.losses) / len(self.losses), **self.norms})
            self.norms, self.losses = {}, []

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        losses = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        self._write({"step": trainer.global_step, **losses})

    def _write(self, line: dict[str, float]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({name: value if math.isfinite(value) else None for name, value in line.items()}) + "\n")


def read_curve(folder: Path) -> pd.DataFrame:
    """One row a step: step, loss, grad_norm, grad_max, skipped, and val/... where there was a validation; sorted by step."""
    rows: dict[int, dict[str, float]] = {}
    for text in (folder / CURVE).read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # half a line, of a run that was killed
            continue
        rows.setdefault(int(line["step"]), {}).update(line)
    return pd.DataFrame([rows[step] for step in sorted(rows)]).astype(float)


class Snapshots(Callback):
    """Saves online and EMA weights at given steps, as ``snapshots/<step>.safetensors``."""

    def __init__(self, folder: Path, steps: Sequence[int]) -> None:
        self.folder, self.steps = folder, set(steps)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int) -> None:
        path = snapshot(self.folder, trainer.global_step)
        if trainer.global_step not in self.steps or path.exists():
            return
        state: dict[str, Tensor] = {}
        for name, network in _networks(module).items():
            state |= {f"{name}.{key}": value.detach().cpu().clone() for key, value in network.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(state, temporary)


def _networks(module: pl.LightningModule) -> dict[str, SagaNetwork]:
    """The network as it trains, and its average."""
    assert isinstance(module, FlowTraining)
    return {"online": module.network, "ema": cast(SagaNetwork, module.ema.ema_model)}


def snapshot(folder: Path, step: int) -> Path:
    return folder / "snapshots" / f"{step}.safetensors"


class Start(Callback):
    """Starts as the failing code: an empty caption's states [L, W] as the null; with a ``seed``, random new channels."""

    def __init__(self, empty_caption: Tensor, seed: int | None) -> None:
        self.empty_caption, self.seed = empty_caption, seed

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        networks = _networks(module)
        for network in networks.values():
            if isinstance(network, PathsNetwork):
                network.set_empty_caption(self.empty_caption)
        if self.seed is not None and not trainer.global_step:
            randomise_new_channels(networks["online"], self.seed)
            module.ema.copy_params_from_model_to_ema()  # type: ignore[operator, union-attr]


@torch.no_grad()
def randomise_new_channels(network: SagaNetwork, seed: int) -> None:
    """Draw the columns that a checkpoint lacks, zero after adapting it, like a new layer's: by ``seed`` and name."""
    for name, value in network.named_parameters():
        if name.endswith(WIDENED):
            bound = 1 / math.sqrt(value[0].numel())
            drawn = torch.empty(value.shape).uniform_(-bound, bound, generator=generator(seed, "init", name)).to(value)
            value.copy_(torch.where(value == 0, drawn, value))
