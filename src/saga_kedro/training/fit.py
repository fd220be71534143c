"""Train a model and save it; an interrupted training resumes."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from torch import Tensor, nn
from torch.utils.data import Dataset

from saga_kedro.files import content_hash
from saga_kedro.model.saga_sr import build_model
from saga_kedro.model.saved import WEIGHTS, write_model
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import Parameters, Text
from saga_kedro.tracking import log_table
from saga_kedro.training.batches import SegmentBatches
from saga_kedro.training.callbacks import Finite, RunLogger, StepLog, StepNumbers, Throughput
from saga_kedro.training.devices import is_first
from saga_kedro.training.examples import SPLITS, make_segments
from saga_kedro.training.export import Exportable, model_state
from saga_kedro.training.first_draws import measure_first
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.folder import begin, key_of
from saga_kedro.training.latents import CachedSegments
from saga_kedro.training.noise_floors import floors_of
from saga_kedro.training.segments import Segments
from saga_kedro.training.trainer import WholeCheckpoints, strategy_of
from saga_kedro.weights import SCRATCH


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
        clips, captions: resampled clips of the training and validation splits, and the captions of their windows.
        text_states: of the captions, by text.
        folder: of this training: checkpoints and the saved model.
        data_version: of the clips. A training that began on other data, code or parameters starts over.
        run_id: MLflow run that metrics go to; None logs nowhere.
        callbacks: Lightning's, besides those that every training has.
        latents: folder of the cache that `encode_latents` wrote; None encodes while training, from ``text_states``.

    Returns:
        What the catalog keeps as ``fit.json``: the summary of `train`, with the training's key and the data's version.
    """
    folder, key = Path(folder), key_of("fit", parameters, data_version, captions)
    segments = prepare(clips, None if latents else captions, text_states, parameters, folder, key)
    summary = train(clips, segments, parameters, folder, run_id, callbacks, latents)
    return summary | {"key": key, "data_version": data_version}


def prepare(
    clips: pd.DataFrame,
    captions: pd.DataFrame | None,
    text_states: Mapping[str, Tensor],
    parameters: Parameters,
    folder: Path,
    key: str,
) -> dict[str, Segments]:
    """Begin a training in its folder, before any process looks for a checkpoint there; returns each split's segments."""
    begin(folder, key)
    tables = folder / "training"
    return {split: make_segments(clips, captions, text_states, parameters, split, tables) for split in SPLITS}


def train(
    clips: pd.DataFrame,
    segments: Mapping[str, Segments],
    parameters: Parameters,
    folder: Path,
    run_id: str | None = None,
    callbacks: Sequence[Callback] = (),
    latents: str | Path | None = None,
) -> dict[str, Any]:
    """Train in one of a training's processes. Arguments are those of `fit`, and ``segments`` of ``SPLITS``.

    Returns:
        folder, weights (a hash), steps, run_id, yardsticks with the roll-off predictor's error, and the data's source. Empty in
        every process but the first.
    """
    examples: dict[str, Dataset] = {
        split: CachedSegments(online, Path(latents) / split) if latents else online for split, online in segments.items()
    }
    text_width = examples["train"][0]["text"].shape[-1]
    model = build_model(parameters, EncodedBefore(parameters.model.text, text_width))
    if parameters.fit.start != SCRATCH:
        table = load_starting_weights(model.network, parameters.fit.start)
        if run_id and is_first():
            log_table(run_id, table, "starting_weights.json")
    training = FlowTraining(model.network, model.codec, parameters.fit)
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
            Finite(),
            ModelCheckpoint(last.parent, filename="{step}", save_last=True, save_top_k=1, save_on_train_epoch_end=True),
            StepLog(parameters.fit.log_every),
            Throughput(parameters.fit.log_every),
            Exportable(model),
            TQDMProgressBar(refresh_rate=10),
            *callbacks,
        ],
        default_root_dir=folder,
    )
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a kernel more each time
    known: dict[str, float] = {}
    if trainer.is_global_zero:
        known = measure_first(model, training, examples["train"], parameters.fit, trainer.strategy.root_device)
        if parameters.vary.denoise:  # the network learns nothing of noise floors
            model.floor_predictor.fit(floors_of(clips[clips["split"] == "train"], parameters.seed))
        if run_logger:
            run_logger.log_metrics(known, step=0)
    with warnings.catch_warnings():
        # `begin` writes into that folder, and a resumed training has its checkpoint there
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # steps are counted over the whole training, not an epoch, so nothing that should be logged is left out
        warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging interval")
        # Lightning calls PyTorch by a deprecated name
        warnings.filterwarnings("ignore", message=".isinstance.treespec, LeafSpec.. is deprecated")
        trainer.fit(
            training,
            datamodule=SegmentBatches(examples["train"], examples["validation"], parameters.fit),
            ckpt_path=str(last) if last.exists() else None,
            weights_only=False if last.exists() else None,
        )
    state = trainer.strategy.lightning_module_state_dict()  # where training is sharded, whole on the first process only
    if trainer.is_global_zero:
        write_model(folder, model.config, model_state(state, model.tables()))
    trainer.strategy.barrier()  # all end together: to the others, a process that ended early would be lost
    if not trainer.is_global_zero:
        return {}
    return {
        "folder": folder.as_posix(),
        "weights": content_hash(folder / WEIGHTS),
        "steps": parameters.fit.steps,
        "run_id": run_id,
        "yardsticks": known,
        "ingest": parameters.ingest.model_dump(),
    }


class EncodedBefore(TextEncoder):
    """Replaces the text encoder where text states are on disk already: it knows their width, and loads nothing."""

    def __init__(self, text: Text, width: int) -> None:
        nn.Module.__init__(self)
        self.name, self.max_tokens, self.width = text.encoder, text.max_tokens, width
        self.__dict__["model"] = nn.Identity()

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        raise NotImplementedError("A training reads text states, it does not make them.")
