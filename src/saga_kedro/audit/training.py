"""Train a configuration once, whoever asks for it."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock

from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.audit.configurations import trains_as
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.loss_scale import as_logged
from saga_kedro.audit.observe import (
    CURVE,
    Curve,
    EmptyCaption,
    RandomChannels,
    Snapshots,
    randomise_new_channels,
    read_curve,
)
from saga_kedro.audit.records import code_version
from saga_kedro.draws import generator, seed_of
from saga_kedro.files import atomic_path, parameter_hash
from saga_kedro.model.saga_sr import SagaSR, build_model
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import Parameters, validate
from saga_kedro.training.cache import encode_splits, latents_key
from saga_kedro.training.fit import SUMMARY, finished, fit, make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.latents import INDEX
from saga_kedro.training.segments import Segments, as_text, collate
from saga_kedro.weights import SCRATCH

SHARES = (0.25, 0.5, 1.0)
"""Of the steps, after which weights are kept."""
LATENTS = "latents"
"""Folder, beside the trainings, of the draws that trainings share."""
PROBE_STEPS = 3
PROBE_SEARCH = 500  # draws among which one is found whose text, and one whose z_l, is dropped: 10 % are


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        key: what names it.
        folder: with the model, snapshots and the curve.
        summary: of `saga_kedro.training.fit.fit`, and ``seconds`` (of this process, last time), ``code`` (version).
        curve: of `read_curve`.
    """

    key: str
    folder: Path
    summary: dict[str, Any]
    curve: pd.DataFrame


def training_key(parameters: dict[str, Any], data_version: str) -> str:
    """Hash of all that decides the weights of a configuration."""
    return parameter_hash("train", trains_as(parameters), data_version, code_version())


def training_folder(folder: str | Path, key: str) -> Path:
    return Path(folder) / key[:12]


def train(parameters: dict[str, Any], data: AuditData, folder: str | Path) -> Trained:
    """Train a configuration, go on with a training that was killed, or find that it is finished.

    Args:
        parameters: of the arm.
        data: shared by all arms.
        folder: of all trainings, and of the draws that they share.
    """
    key = training_key(parameters, data.version)
    place = training_folder(folder, key)
    checked = _started(parameters)
    summary = finished(place, data.version, checked.fit.steps)
    if summary is None:
        began = time.perf_counter()
        callbacks = [
            Curve(place / CURVE),
            Snapshots(place, [max(1, round(share * checked.fit.steps)) for share in SHARES]),
            EmptyCaption(_empty_caption(checked)),
        ]
        if checked.audit.start == "random_channels":
            callbacks.append(RandomChannels(checked.seed))
        latents = shared_draws(checked, data, Path(folder) / LATENTS) if checked.encode.latents else None
        tables = (data.clips, data.captions, data.text_states)
        summary = fit(*tables, checked, place, data.version, latents=latents, callbacks=callbacks)
        summary |= {"seconds": time.perf_counter() - began, "code": code_version()}
        with atomic_path(place / SUMMARY) as temporary:
            temporary.write_text(json.dumps(summary, indent=2))
    return Trained(key, place, summary, read_curve(place))


def shared_draws(checked: Parameters, data: AuditData, folder: Path) -> Path:
    """The draws of a configuration, encoded: made by the first training that asks; others that want the same ones wait."""
    key = latents_key(checked, data.version, data.captions["caption"])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        if not all((folder / key / split / INDEX).exists() for split in ("train", "validation")):
            encode_splits(data.clips, data.captions, data.version, checked, folder)
    return folder / key


def _started(parameters: dict[str, Any]) -> Parameters:
    """The parameters, with the checkpoint left out where the failing code would not load it, and say nothing."""
    checked = validate(parameters)
    if checked.audit.start == "not_loaded":
        checked = checked.model_copy(update={"fit": checked.fit.model_copy(update={"start": SCRATCH})})
    return checked


def _empty_caption(checked: Parameters) -> torch.Tensor:
    text = checked.model.text
    return TextEncoder.load(text.encoder, text.path, text.max_tokens).encode([""])[0]


def curve_metrics(curve: pd.DataFrame) -> dict[str, float]:
    """The numbers that decide training issues, and the three that the documents complain about.

    Args:
        curve: of `read_curve`.

    Returns:
        ``train/loss_plateau``: mean loss of the last fifth; ``train/loss_first``: of the first five steps;
        ``train/loss_still_falls``: by which share the last fifth lies under the fifth before it; ``val/loss`` and
        ``val/loss/t...``: last; ``train/grad_true_norm_...`` and ``train/grad_loss_scaled_...``: median and largest, true and
        as logged under a loss scale. What is missing is left out.
    """
    found: dict[str, float] = {}
    if "loss" in curve:
        losses = curve["loss"].dropna().to_numpy()
        fifth = max(1, len(losses) // 5)
        last, before = losses[-fifth:].mean(), losses[-2 * fifth : -fifth].mean() if len(losses) > fifth else losses.mean()
        found |= {
            "train/loss_first": float(losses[:5].mean()),
            "train/loss_plateau": float(last),
            "train/loss_still_falls": float(1 - last / before),
        }
    for name in curve.columns:
        if name.startswith("val/") and curve[name].notna().any():
            found[name] = float(curve[name].dropna().iloc[-1])
    norms = gradient_curve(curve)
    if len(norms):
        for way in ("true_norm", "loss_scaled"):
            values = norms[way].to_numpy()
            finite = values[np.isfinite(values)]
            if len(finite):
                found |= {
                    f"train/grad_{way}_median": float(np.median(finite)),
                    f"train/grad_{way}_largest": float(finite.max()),
                }
    return found


def gradient_curve(curve: pd.DataFrame) -> pd.DataFrame:
    """step, true_norm, loss_scaled: the gradient norm of each step, and as the failing code logs it."""
    if "grad_norm" not in curve:
        return pd.DataFrame({"step": [], "true_norm": [], "loss_scaled": []})
    taken = curve[curve["loss"].notna() | curve["grad_norm"].notna()]
    norms, largest = taken["grad_norm"].fillna(np.inf), taken["grad_max"].fillna(np.inf)
    return pd.DataFrame(
        {"step": taken["step"], "true_norm": norms, "loss_scaled": as_logged(norms.tolist(), largest.tolist())}
    ).reset_index(drop=True)


def probe(parameters: dict[str, Any], data: AuditData) -> dict[str, Any]:
    """Three steps of a configuration on segments chosen so that every branch is taken: does it run, and is it another's equal?

    Each batch holds a plain example, one whose text is dropped, and one whose z_l is, at the probabilities of the paper.

    Returns:
        ``losses`` of the steps; ``weights``, a hash of the network's parameters after them; and ``error``: type and message of
        what ended it, or None. Two configurations that train alike have the same weights to the last bit.
    """
    losses: list[float] = []
    try:
        checked = _started(parameters)
        model = build_model(checked)
        if checked.fit.start != SCRATCH:
            load_starting_weights(model.network, checked.fit.start)
        if checked.audit.start == "random_channels":
            randomise_new_channels(model.network, checked.seed)
        give_empty_caption(model)
        training = FlowTraining(model.network, model.codec, checked.fit)
        training.log = lambda *_, **__: None  # type: ignore[method-assign]  # there is no trainer
        segments = make_segments(data.clips, data.captions, data.text_states, checked, "train")
        assert isinstance(segments, Segments)
        chosen = _telling_draws(segments)
        optimisers = training.configure_optimizers()
        optimiser, schedule = optimisers["optimizer"], optimisers["lr_scheduler"]["scheduler"]  # type: ignore[index]
        for step in range(PROBE_STEPS):
            batch = collate([segments[draw] for draw in chosen[step]])
            loss = training.training_step(batch, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
    except Exception as error:  # whatever it is, it is this arm's result
        return {"losses": losses, "weights": "", "error": f"{type(error).__name__}: {error}"}
    return {"losses": losses, "weights": _digest(model.network), "error": None}


def _digest(network: torch.nn.Module) -> str:
    """Hash of all parameters, bit by bit."""
    named = {name: value.detach().cpu().numpy() for name, value in network.named_parameters()}
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(named):
        digest.update(name.encode() + np.ascontiguousarray(named[name]).tobytes())
    return digest.hexdigest()


def give_empty_caption(model: SagaSR) -> None:
    """The states of an empty caption, to a network whose null it is."""
    if isinstance(model.network, PathsNetwork):
        model.network.set_empty_caption(model.text_encoder.encode([""])[0])


def _telling_draws(segments: Segments) -> list[list[int]]:
    """For each step of a probe a plain draw, one whose text is dropped, and one whose z_l is; by their names, as in
    training."""
    found: dict[str, list[int]] = {"plain": [], "drop context": [], "drop z_l": []}
    for draw in range(PROBE_SEARCH):
        name = as_text(segments.name(*segments.order.at(draw)))
        dropped = [
            what for what in ("drop context", "drop z_l") if float(torch.rand((), generator=generator(what, name))) < 0.1
        ]
        found[dropped[0] if dropped else "plain"].append(draw)
        if all(len(draws) >= PROBE_STEPS for draws in found.values()):
            break
    return [[draws[step % len(draws)] for draws in found.values() if draws] for step in range(PROBE_STEPS)]


def unloaded_seed(seed: int) -> int:
    """Seed of the weights that a model has which loads none."""
    return seed_of(seed, "not loaded")
