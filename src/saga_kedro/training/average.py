"""The mean of several models of one architecture, as a model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from saga_kedro.errors import SagaError
from saga_kedro.files import atomic_path, content_hash
from saga_kedro.model import tensors
from saga_kedro.model.saved import HASHES, WEIGHTS, read_config, write_model
from saga_kedro.training.export import read_trained
from saga_kedro.training.folder import SUMMARY

AVERAGED = "averaged"  # in saga_sr.json and fit.json: the models that this one is the mean of
FREE = {"sample", HASHES, AVERAGED}  # may differ between the configurations of models that are averaged


def average(sources: Sequence[str | Path], folder: str | Path) -> dict[str, Any]:
    """Average networks in 64 bits, and write the model into ``folder``.

    Fitted tables (roll-off predictor, noise floors) and sampling defaults are the last source's.

    ``sources`` are folders of models or checkpoints of trainings. SagaError: fewer than two, no model, another architecture.

    Returns:
        What ``fit.json`` holds: the last source's summary where it has one, ``folder``, ``weights`` (a hash), and ``averaged``:
        the path, the hash and the steps (None if unknown) of each source.
    """
    if len(sources) < 2:
        raise SagaError(f"An average needs at least two models, {len(sources)} were named.")
    folder = Path(folder)
    first: dict[str, Any] = {}
    mean: dict[str, torch.Tensor] = {}
    about: list[dict[str, Any]] = []
    for source in map(Path, sources):
        config, state, summary = _read(source)
        own = {name: value for name, value in state.items() if name.startswith("network.")}
        if not about:
            first, mean = config, {name: torch.zeros(value.shape, dtype=torch.float64) for name, value in own.items()}
        wrong = sorted(name for name in {*first, *config} - FREE if first.get(name) != config.get(name))
        if wrong := wrong or sorted(tensors.misfits(mean, own)):
            raise SagaError(f"{source} is another architecture than {sources[0]}, so there is no mean of them: {wrong[0]}.")
        for name, value in own.items():
            mean[name] += value.double() / len(sources)
        weights = source / WEIGHTS if source.is_dir() else source
        about.append({"source": source.as_posix(), "weights": content_hash(weights), "steps": summary.get("steps")})
    state = {name: value.contiguous() for name, value in state.items()} | {name: value.float() for name, value in mean.items()}
    write_model(folder, config | {AVERAGED: about}, state)
    summary |= {"folder": folder.as_posix(), "weights": content_hash(folder / WEIGHTS), AVERAGED: about}
    with atomic_path(folder / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2))
    return summary


def _read(source: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor], dict[str, Any]]:
    """A model's configuration, its tensors by name, and the summary of its training."""
    try:
        if not source.is_dir():
            config, state, steps = read_trained(source)
            return config, state, {"steps": steps}
        _, config = read_config(source)
        known = source / SUMMARY
        return config, tensors.read(source / WEIGHTS), json.loads(known.read_text()) if known.exists() else {}
    except (FileNotFoundError, ValueError) as error:
        raise SagaError(str(error)) from error
