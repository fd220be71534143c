"""Train a model from resampled clips, captions and text states, and save it. Killed and started again, it goes on."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from saga_kedro.draws import seed_of
from saga_kedro.files import atomic_path, content_hash
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.codec.statistics import posterior_statistics
from saga_kedro.model.saga_sr import SagaSR, build_model
from saga_kedro.model.saved import WEIGHTS
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.parameters import Parameters
from saga_kedro.tracking import log_table
from saga_kedro.training.callbacks import GradientNorms, StepNumbers, Throughput
from saga_kedro.training.devices import is_first, strategy_of
from saga_kedro.training.export import Exportable, averaged
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.latents import CachedSegments
from saga_kedro.training.noise_floors import floors_of
from saga_kedro.training.origins import in_drawn_order, origins_of
from saga_kedro.training.run_logger import RunLogger
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Draws, Segments, collate, slots_of
from saga_kedro.training.yardsticks import yardsticks
from saga_kedro.weights import SCRATCH

logger = logging.getLogger(__name__)

SUMMARY = "fit.json"
SPLITS = ("train", "validation")


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints beside their place, then renamed: Lightning writes aside to /tmp, and copies from there to another device."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)


class SegmentBatches(pl.LightningDataModule):
    """Lightning's view of the segments: an epoch is the steps up to the next validation and checkpoint.

    The draws go on where the trainer's step counter says, so a resumed training sees what it would have seen.

    Args:
        training, validation: segments of the two splits.
        parameters: all of them; ``fit`` is used.
    """

    def __init__(self, training: Dataset, validation: Dataset, parameters: Parameters) -> None:
        super().__init__()
        self.training, self.validation, self.fit = training, validation, parameters.fit

    def _loader(self, segments: Dataset, draws: Draws) -> DataLoader:
        return DataLoader(segments, batch_sampler=draws, collate_fn=collate, num_workers=self.fit.workers)

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        steps = min(self.fit.steps_per_epoch, self.fit.steps - self.trainer.global_step)
        per_step = self.fit.accumulate * self.fit.batch_size * self.trainer.world_size
        return self._loader(
            self.training,
            Draws(
                first=self.trainer.global_step * per_step,
                batches=steps * self.fit.accumulate,
                batch_size=self.fit.batch_size,
                rank=self.trainer.global_rank,
                world_size=self.trainer.world_size,
            ),
        )

    def val_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        together = self.fit.batch_size * self.trainer.world_size
        batches = -(-self.fit.validation_segments // together)
        return self._loader(
            self.validation, Draws(0, batches, self.fit.batch_size, self.trainer.global_rank, self.trainer.world_size)
        )


def make_segments(
    clips: pd.DataFrame,
    captions: pd.DataFrame | None,
    text_states: Mapping[str, Tensor],
    parameters: Parameters,
    split: str,
    folder: str | Path | None = None,
) -> Segments:
    """The segments of one split, with a seed of its own.

    Args:
        clips: of all splits.
        captions: of their windows; None where the segments are encoded already.
        text_states: of the captions.
        parameters: all of them.
        split: which one.
        folder: where their table is written, for other processes to map; None keeps it in this one.
    """
    wide = clips["bandwidth_hz"] >= parameters.fit.minimum_bandwidth_hz
    chosen = clips[wide & (clips["split"] == split)]
    if parameters.fit.segments_per_origin is not None:
        chosen = few_of_each_origin(chosen, parameters.fit.segments_per_origin, parameters.seed)
    table = SegmentTable.of_frames(chosen, captions)
    return segments_of(table.write(table_path(folder, split)) if folder else table, text_states, parameters, split)


def table_path(folder: str | Path, split: str) -> Path:
    """Where the table of a split's segments lies."""
    return Path(folder) / f"{split}.arrow"


def segments_of(table: SegmentTable, text_states: Mapping[str, Tensor], parameters: Parameters, split: str) -> Segments:
    """The segments of a split's clips."""
    return Segments(
        table,
        text_states,
        parameters.vary,
        parameters.degrade,
        segment_samples=parameters.model.segment_samples,
        window_seconds=parameters.caption.window_seconds,
        max_tokens=parameters.model.text.max_tokens,
        seed=seed_of(parameters.seed, split),
        channels=parameters.model.channels,
        rolloff=parameters.model.rolloff,
    )


def few_of_each_origin(clips: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Clips with at most so many segments of a category of each package, repository or folder, and at least one clip.

    Which, a hash decides; they stay in their order.
    """
    shuffled = in_drawn_order(clips.assign(segments=slots_of(clips["samples"])), seed, "few")
    same = shuffled.groupby(["category", origins_of(shuffled)])
    together, first = same["segments"].cumsum(), same.cumcount() == 0
    return clips[clips.index.isin(shuffled.index[(together <= most) | first])]


def first_latents(
    training: FlowTraining, segments: Dataset, draws: int, workers: int, device: torch.device
) -> tuple[list[Posterior], Tensor, Tensor, Tensor]:
    """z_h's posteriors, z_h, z_l [N, C, T] and f_h [N] of the first training draws, encoded on ``device``."""
    loader = DataLoader(segments, batch_sampler=Draws(0, -(-draws // 8), 8), collate_fn=collate, num_workers=workers)
    training.codec.to(device)
    posteriors, z_h, z_l, f_h = [], [], [], []
    for batch in tqdm(loader, desc="first latents", unit="batch"):
        moved = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}
        posterior, low = training.latents(moved)
        posteriors.append(posterior)
        z_h.append(training.drawn(posterior, batch["name"]).cpu())
        z_l.append(low.cpu())
        f_h.append(batch["f_h"])
    return posteriors, torch.cat(z_h), torch.cat(z_l), torch.cat(f_h)


def measure_first(
    model: SagaSR, training: FlowTraining, segments: Dataset, parameters: Parameters, device: torch.device
) -> dict[str, float]:
    """Fit the model's roll-off predictor to the first training draws, and measure their yardsticks and latent statistics."""
    draws, workers = parameters.fit.rolloff_draws, parameters.fit.workers
    posteriors, z_h, z_l, f_h = first_latents(training, segments, draws, workers, device)
    statistics = posterior_statistics(posteriors)
    return {
        **yardsticks(z_h, z_l, parameters.fit.timesteps),
        "latent/posterior_deviation": statistics["posterior_deviation"],
        "latent/reliability": statistics["reliability"],
        "rolloff/rmse": model.rolloff_predictor.fit(model.rolloff_predictor.features(z_l), f_h),
        "rolloff/rmse_of_median": float((f_h - f_h.median()).square().mean().sqrt()),
    }


def finished(folder: str | Path, data_version: str, steps: int) -> dict[str, Any] | None:
    """What ``fit`` returned for this folder, if that training was of this data and came to its end."""
    path = Path(folder) / SUMMARY
    if not path.exists() or not (path.parent / WEIGHTS).exists():
        return None
    summary = json.loads(path.read_text())
    return summary if (summary["data_version"], summary["steps"]) == (data_version, steps) else None


def begin(folder: Path, data_version: str) -> None:
    """Note which data a training is of; one that was begun on other data is removed, and half a checkpoint of a killed one."""
    for half in (folder / "training").glob(".*.ckpt"):
        half.unlink()
    began = folder / "training" / "began.json"
    if began.exists() and json.loads(began.read_text())["data_version"] != data_version:
        logger.warning("The data changed since this training began: it begins anew.")
        shutil.rmtree(folder)
    with atomic_path(began) as temporary:
        temporary.write_text(json.dumps({"data_version": data_version}))


def fit(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    text_states: Mapping[str, Tensor],
    parameters: Parameters,
    folder: str | Path,
    data_version: str,
    run_id: str | None = None,
    callbacks: Sequence[Callback] = (),
    latents: str | Path | None = None,
) -> dict[str, Any]:
    """Train in this process, and save the model with its EMA weights.

    Args:
        clips: resampled clips of the training and validation splits.
        captions: of their windows.
        text_states: of the captions.
        parameters: all of them.
        folder: of this training: checkpoints and the saved model.
        data_version: a training that was begun on other data is not continued but begun anew.
        run_id: MLflow run that metrics go to; None logs nowhere.
        callbacks: Lightning's, besides those that every training has.
        latents: folder of the cache that `encode_latents` wrote; None encodes while training, from ``text_states``.

    Returns:
        As `train`.
    """
    folder = Path(folder)
    begin(folder, data_version)
    segments = {
        split: make_segments(clips, None if latents else captions, text_states, parameters, split, folder / "training")
        for split in SPLITS
    }
    return train(clips, segments, parameters, folder, data_version, run_id, callbacks, latents)


def train(
    clips: pd.DataFrame,
    segments: Mapping[str, Segments],
    parameters: Parameters,
    folder: Path,
    data_version: str,
    run_id: str | None = None,
    callbacks: Sequence[Callback] = (),
    latents: str | Path | None = None,
) -> dict[str, Any]:
    """What every process of a training does.

    Args:
        clips, parameters, folder, data_version, run_id, callbacks, latents: as of `fit`.
        segments: of ``SPLITS``.

    Returns:
        What the catalog keeps as ``fit.json``: folder, weights (a hash), steps, data_version, run_id, the data's
        source, yardsticks and the roll-off predictor's error. Empty in every process but the first.
    """
    model = build_model(parameters)
    if parameters.fit.start != SCRATCH:
        table = load_starting_weights(model.network, parameters.fit.start)
        if run_id and is_first():
            log_table(run_id, table, "starting_weights.json")
    training = FlowTraining(model.network, model.codec, parameters.fit)
    examples: dict[str, Dataset] = {
        split: CachedSegments(online, Path(latents) / split, parameters.model.text.max_tokens) if latents else online
        for split, online in segments.items()
    }
    run_logger = RunLogger(run_id) if run_id else None
    last = folder / "training" / "last.ckpt"
    trainer = pl.Trainer(
        max_steps=parameters.fit.steps,
        max_epochs=-1,
        accelerator=parameters.fit.accelerator,
        devices=parameters.fit.devices,
        num_nodes=parameters.fit.nodes,
        strategy=strategy_of(parameters.fit),
        precision=parameters.fit.precision,
        accumulate_grad_batches=parameters.fit.accumulate,
        gradient_clip_val=parameters.fit.clip_gradient_norm,
        log_every_n_steps=parameters.fit.log_every,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        deterministic="warn",
        logger=run_logger or False,
        plugins=[WholeCheckpoints()],
        callbacks=[
            StepNumbers(),
            ModelCheckpoint(last.parent, filename="{step}", save_last=True, save_top_k=1, save_on_train_epoch_end=True),
            GradientNorms(parameters.fit.log_every),
            Throughput(parameters.fit.log_every),
            Exportable(model),
            TQDMProgressBar(refresh_rate=10),
            *([LearningRateMonitor("step")] if run_logger else []),
            *callbacks,
        ],
        default_root_dir=folder,
    )
    known: dict[str, float] = {}
    if trainer.is_global_zero:
        known = measure_first(model, training, examples["train"], parameters, trainer.strategy.root_device)
        if parameters.vary.denoise:  # the network learns nothing of noise floors
            model.floor_predictor.fit(floors_of(clips[clips["split"] == "train"], parameters.seed))
        if run_logger:
            run_logger.log_metrics(known, step=0)
    with warnings.catch_warnings():
        # `begin` writes into that folder, and a training that goes on has its checkpoint there
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # counted in steps of the whole training, not of an epoch, nothing that is to be logged is left out
        warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging interval")
        # Lightning calls PyTorch by a name that it is giving up
        warnings.filterwarnings("ignore", message=".isinstance.treespec, LeafSpec.. is deprecated")
        trainer.fit(
            training,
            datamodule=SegmentBatches(examples["train"], examples["validation"], parameters),
            ckpt_path=str(last) if last.exists() else None,
            weights_only=False if last.exists() else None,
        )
    state = trainer.strategy.lightning_module_state_dict()  # where training is sharded, whole on the first process only
    if trainer.is_global_zero:
        averaged(model, state).save_pretrained(folder)
    trainer.strategy.barrier()  # all end together: to the others, a process that ended early would be lost
    if not trainer.is_global_zero:
        return {}
    return {
        "folder": folder.as_posix(),
        "weights": content_hash(folder / WEIGHTS),
        "steps": parameters.fit.steps,
        "data_version": data_version,
        "run_id": run_id,
        "yardsticks": known,
        "ingest": parameters.ingest.model_dump(),
    }
