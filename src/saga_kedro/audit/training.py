"""Train each configuration once, and take the first steps of one."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from lightning.fabric.utilities import move_data_to_device
from torch.utils.data import default_collate

from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.loss_scale import loss_scales
from saga_kedro.audit.observe import CURVE, Curve, Snapshots, Start, randomise_new_channels, read_curve
from saga_kedro.audit.records import code_version, crash_of
from saga_kedro.draws import generator
from saga_kedro.files import atomic_path
from saga_kedro.model.saga_sr import SagaSR, build_model
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import Parameters, changed
from saga_kedro.stages import key
from saga_kedro.training.devices import device_of
from saga_kedro.training.encode import encode_latents
from saga_kedro.training.examples import make_segments
from saga_kedro.training.fit import fit
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.folder import SUMMARY, finished, key_of
from saga_kedro.training.latents import INDEX
from saga_kedro.training.segments import Segments, as_text
from saga_kedro.weights import SCRATCH

SHARES = (0.25, 0.5, 1.0)  # of the steps, after which weights are kept
LATENTS = "latents"  # folder, beside the trainings, of the draws that trainings share
PROBE_STEPS = 3
PROBE_SEARCH = 500  # draws among which one is found whose text, and one whose z_l, is dropped: 10 % are


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    key: str
    folder: Path  # with the model, snapshots and the curve
    summary: dict[str, Any]  # of `saga_kedro.training.fit.fit`, with ``seconds`` (of the last process) and ``code`` (version)
    curve: pd.DataFrame  # of `read_curve`


def training_key(parameters: Parameters, data_version: str) -> str:
    return key("audit_train", parameters, data_version)


def train(parameters: Parameters, data: AuditData, folder: Path) -> Trained:
    """Train a configuration, resume a killed training, or return a finished one; all trainings share ``folder``."""
    name = training_key(parameters, data.version)
    place = folder / name[:12]
    started = _started(parameters)
    summary = finished(place, key_of("fit", started, data.version, data.captions))
    if summary is None:
        began = time.perf_counter()
        text = started.model.text
        empty = TextEncoder.load(text.encoder, text.path, text.max_tokens).encode([""])[0]
        steps = [max(1, round(share * started.fit.steps)) for share in SHARES]
        start = Start(empty, started.seed if started.audit.start == "random_channels" else None)
        callbacks = [Curve(place / CURVE), Snapshots(place, steps), start]
        latents = shared_draws(started, data, folder / LATENTS) if started.encode.latents else None
        tables = (data.clips, data.captions, data.text_states)
        summary = fit(*tables, started, place, data.version, latents=latents, callbacks=callbacks)
        summary |= {"seconds": time.perf_counter() - began, "code": code_version()}
        with atomic_path(place / SUMMARY) as temporary:
            temporary.write_text(json.dumps(summary, indent=2))
        shutil.rmtree(place / "training")  # checkpoints of a finished training: eight times the model's size
    return Trained(name, place, summary, read_curve(place))


def shared_draws(parameters: Parameters, data: AuditData, folder: Path) -> Path:
    """The draws of a configuration, encoded: the first training that asks makes them; others that want the same ones wait."""
    name = key_of("encode", parameters, data.version, data.captions)[:10]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        if not all((folder / name / split / INDEX).exists() for split in ("train", "validation")):
            encode_latents(data.clips, data.captions, data.version, parameters, folder)
    return folder / name


def _started(parameters: Parameters) -> Parameters:
    """The parameters, without the checkpoint where the failing code would silently not load it."""
    return changed(parameters, {"fit.start": SCRATCH}) if parameters.audit.start == "not_loaded" else parameters


def curve_metrics(curve: pd.DataFrame) -> dict[str, float]:
    """The numbers that decide training issues, of a curve of `read_curve`.

    ``train/loss_first``: mean loss of the first five steps; ``train/loss_plateau``: of the last fifth;
    ``train/loss_still_falls``: by which share that lies under the fifth before it; ``val/loss`` and ``val/loss/t...``: last;
    ``train/grad_true_norm_...`` and ``train/grad_loss_scaled_...``: median and largest.
    """
    losses = curve["loss"].dropna().to_numpy()
    fifth = max(1, len(losses) // 5)
    last, before = losses[-fifth:].mean(), losses[-2 * fifth : -fifth].mean() if len(losses) > fifth else losses.mean()
    found = {
        "train/loss_first": float(losses[:5].mean()),
        "train/loss_plateau": float(last),
        "train/loss_still_falls": float(1 - last / before),
    }
    for name in curve.columns:
        if name.startswith("val/") and curve[name].notna().any():
            found[name] = float(curve[name].dropna().iloc[-1])
    norms = gradient_curve(curve)
    for way in ("true_norm", "loss_scaled"):
        finite = norms[way][np.isfinite(norms[way])]
        if len(finite):
            found |= {f"train/grad_{way}_median": float(finite.median()), f"train/grad_{way}_largest": float(finite.max())}
    return found


def gradient_curve(curve: pd.DataFrame) -> pd.DataFrame:
    """step, true_norm, loss_scaled: the gradient norm of each step, and as the failing code logs it (before it unscales)."""
    taken = curve[curve["loss"].notna() | curve["grad_norm"].notna()].reset_index(drop=True)
    norms, largest = taken["grad_norm"].fillna(np.inf), taken["grad_max"].fillna(np.inf)
    return pd.DataFrame({"step": taken["step"], "true_norm": norms, "loss_scaled": norms * loss_scales(largest.tolist())})


def probe(parameters: Parameters, data: AuditData) -> dict[str, Any]:
    """Three steps that take every branch: does a configuration run, and does another train alike?

    Each batch holds a plain example, one whose text is dropped, and one whose z_l is, at the paper's probabilities. Returns
    ``losses``, ``weights`` (a hash of the parameters after the steps) and ``error`` (a crash, or None).
    """
    losses: list[float] = []
    try:
        started = _started(parameters)
        model = fresh_model(started)
        if started.fit.start != SCRATCH:
            load_starting_weights(model.network, started.fit.start)
        if started.audit.start == "random_channels":
            randomise_new_channels(model.network, started.seed)
        segments = make_segments(data.clips, data.captions, data.text_states, started, "train")
        batches = [default_collate([segments[draw] for draw in draws]) for draws in _telling_draws(segments)]
        training = FlowTraining(model.network, model.codec, started.fit).to(device_of(started.fit.accelerator))
        losses.extend(steps_on(training, batches))
    except Exception as error:
        return {"losses": losses, "weights": "", "error": crash_of(error)}
    return {"losses": losses, "weights": tensors_hash(dict(model.network.named_parameters())), "error": None}


def fresh_model(parameters: Parameters) -> SagaSR:
    """The model of a configuration with its initial weights, and the states of an empty caption where it needs them."""
    model = build_model(parameters)
    if isinstance(model.network, PathsNetwork):
        model.network.set_empty_caption(model.text_encoder.encode([""])[0])
    return model


def steps_on(training: FlowTraining, batches: Iterable[dict[str, Any]]) -> Iterable[float]:
    """Take a step of the optimiser on each batch, without Lightning: its loss."""
    training.on_fit_start()
    optimisers: Any = training.configure_optimizers()
    optimiser, schedule = optimisers["optimizer"], optimisers["lr_scheduler"]["scheduler"]
    for step, batch in enumerate(batches):
        loss = training.training_step(move_data_to_device(batch, training.device), step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        yield float(loss.detach())


def tensors_hash(tensors: Mapping[str, torch.Tensor]) -> str:
    """Hash of named tensors, bit by bit."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name].detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def _telling_draws(segments: Segments) -> list[list[int]]:
    """For each step of a probe a plain draw, one that drops the text and one that drops z_l, by name as in training."""
    found: dict[str, list[int]] = {"plain": [], "drop context": [], "drop z_l": []}
    for draw in range(PROBE_SEARCH):
        name = as_text(segments.name(*segments.order.at(draw)))
        drops = (what for what in ("drop context", "drop z_l") if torch.rand((), generator=generator(what, name)).item() < 0.1)
        found[next(drops, "plain")].append(draw)
        if all(len(draws) >= PROBE_STEPS for draws in found.values()):
            break
    return [[draws[step % len(draws)] for draws in found.values() if draws] for step in range(PROBE_STEPS)]
