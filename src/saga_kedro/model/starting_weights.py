"""Where training starts: a checkpoint of stable-audio-tools, such as Stable Audio Open's, or a model of this package.

Of the first, the DiT's input layers gain columns (and ``preprocess_conv`` rows) of zeros for z_l, so that before the first step
the network gives what the checkpoint's model gives, whatever z_l is. Of the second the whole network is taken.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from saga_kedro.model import tensors
from saga_kedro.model.network import SagaNetwork
from saga_kedro.weights import STABLE_AUDIO_OPEN_DIT

logger = logging.getLogger(__name__)

DIT = "dit.model."
PLACES = {
    "diffusion_ema.ema_model.model.": DIT,
    "diffusion.model.model.": DIT,
    "model.model.": DIT,
    "network.": "",
}
"""How names begin in a checkpoint, and in the network: stable-audio-tools' training checkpoints, averaged (which its own export
prefers) or not; its exports, such as Stable Audio Open's model.safetensors; what `SagaSR.save_pretrained` writes."""
WIDENED = ("preprocess_conv.weight", "transformer.project_in.weight")
"""Tensors of the DiT that grow with the number of input channels."""


class WrongStart(ValueError):
    """A checkpoint that does not fit the network."""


def load_starting_weights(network: SagaNetwork, path: str | Path) -> pd.DataFrame:
    """Put a checkpoint's DiT, or a saved model's network, into ``network``: all of it, or nothing and an error.

    Args:
        network: changed in place. What a checkpoint of stable-audio-tools does not have keeps its initial value: the
            embeddings of f_l and f_h.
        path: a folder with ``model_config.json`` and weights, or with what `SagaSR.save_pretrained` wrote, as `tensors.find`
            finds them; or such a file itself, of which a .ckpt is a Lightning checkpoint of stable-audio-tools' training.

    Returns:
        name, shape, state: one row a tensor; ``loaded``, ``loaded, new channels zero``, ``new`` (of the network, not in the
        checkpoint), ``unused`` (of the checkpoint, not in the network).

    Raises:
        MissingWeights: there is no such file, or it is no checkpoint.
        WrongStart: it holds no network, or a tensor is missing, of another shape, or too many; the first three are named.
    """
    file = Path(path) if Path(path).is_file() else tensors.find(STABLE_AUDIO_OPEN_DIT.require(path))
    config, others, place, held = read_network(file)
    if place == DIT:
        warn_of_objective(config, file)

    own = {name: value for name, value in network.state_dict().items() if name.startswith(place)}
    grows = {place + name for name in WIDENED} if place == DIT else set()
    filled = {name: widened(value, own[name].shape) if name in grows and name in own else value for name, value in held.items()}
    if wrong := tensors.misfits(own, filled):
        raise WrongStart(
            f"{file} does not fit the network, {len(wrong)} tensors differ: {'; '.join(sorted(wrong)[:3])}. "
            "Give fit.start a checkpoint with the same width, depth and conditioning, or scratch."
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(filled[name])

    rows = []
    for name, value in network.state_dict().items():
        theirs = held.get(name)
        state = "new" if theirs is None else "loaded" if theirs.shape == value.shape else "loaded, new channels zero"
        rows.append((name, list(value.shape), state))
    rows += [(name, shape, "unused") for name, shape in others.items()]
    table = pd.DataFrame(rows, columns=["name", "shape", "state"])
    counts = ", ".join(f"{count} {state}" for state, count in table["state"].value_counts().items())
    logger.info("Starting weights from %s: %s.", file, counts)
    return table


def read_network(file: Path) -> tuple[dict[str, Any], dict[str, list[int]], str, dict[str, Tensor]]:
    """What a checkpoint holds of a network.

    Returns:
        The model's configuration: embedded in a .ckpt, else of the ``model_config.json`` beside the file, else empty; names and
        shapes of the tensors that are not the network's; how the network's names of what it holds begin, one of `PLACES`; those
        tensors, named as in the network.
    """
    beside = file.parent / "model_config.json"
    config = json.loads(beside.read_text()) if beside.exists() else {}
    content = {"state_dict": tensors.read(file)} if file.suffix == ".safetensors" else tensors.read_checkpoint(file)
    state: Any = content.get("state_dict", content)
    prefix = next((prefix for prefix in PLACES if any(name.startswith(prefix) for name in state)), None)
    if prefix is None:
        raise WrongStart(
            f"{file} holds no DiT of stable-audio-tools and no model of this package: of its {len(state)} tensors none "
            f"is named {' or '.join(prefix + '...' for prefix in PLACES)}; the first are {', '.join(list(state)[:3])}."
        )
    place = PLACES[prefix]
    held = {place + name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    others = {
        name: list(value.shape) for name, value in state.items() if not name.startswith(prefix) and isinstance(value, Tensor)
    }
    return content.get("model_config", config), others, place, held


def widened(tensor: Tensor, shape: torch.Size) -> Tensor:
    """``tensor`` in the corner of zeros of ``shape``; as it is where it does not fit inside."""
    if tensor.dim() != len(shape) or any(a > b for a, b in zip(tensor.shape, shape, strict=True)):
        return tensor
    wide = torch.zeros(shape, dtype=tensor.dtype)
    wide[tuple(slice(size) for size in tensor.shape)] = tensor
    return wide


def warn_of_objective(config: Mapping[str, Any], file: Path) -> None:
    """Warn of a checkpoint that was trained for another objective than rectified flow: ``v``, where the configuration names
    none (stable-audio-tools, ``models/diffusion.py``)."""
    if not config:
        logger.warning("%s comes without model_config.json: whether it was trained for rectified flow is not known.", file)
        return
    objective = config.get("model", {}).get("diffusion", {}).get("diffusion_objective", "v")
    if objective != "rectified_flow":
        logger.warning(
            "%s was trained for the objective %r, not for rectified flow: it predicts something else at the same t, "
            "so training has to relearn its output.",
            file,
            objective,
        )
