"""Start training from a checkpoint of stable-audio-tools, such as Stable Audio Open's, or from a model of this package.

A checkpoint's input layers gain zeros for z_l, so that before the first step the network computes what the checkpoint's model
does, whatever z_l is. A model of this package is taken whole.
"""

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
"""Prefixes of names in a checkpoint, and in the network: training checkpoints of stable-audio-tools, averaged (preferred, as in
its own export) or not; its exports, such as Stable Audio Open's model.safetensors; `SagaSR.save_pretrained`."""
WIDENED = ("preprocess_conv.weight", "transformer.project_in.weight")  # they grow with the number of input channels


class WrongStart(ValueError):
    """A checkpoint that does not fit the network."""


def load_starting_weights(network: SagaNetwork, path: str | Path) -> pd.DataFrame:
    """Put a checkpoint's DiT, or a saved model's network, into ``network``: all of it, or nothing and an error.

    ``path`` is a folder with ``model_config.json`` or ``saga_sr.json`` and weights as `tensors.find` finds them, or such
    weights; a .ckpt is a Lightning checkpoint of stable-audio-tools' training. Without embeddings of f_l and f_h in it, theirs
    stay. Returns name, shape and state of each tensor: ``loaded``, ``loaded, new channels zero``, ``new`` (only in the network)
    or ``unused`` (only in the checkpoint). Raises MissingWeights for a missing or unreadable file, and WrongStart, which names
    the first three misfits.
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
    """A checkpoint's configuration (from a .ckpt, else ``model_config.json`` beside it, else empty), names and shapes of
    tensors outside the network, the prefix of the others in the network, one of `PLACES`, and those tensors by their names
    there."""
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
    """``tensor`` in the corner of zeros of ``shape``; unchanged where it does not fit inside."""
    if tensor.dim() != len(shape) or any(a > b for a, b in zip(tensor.shape, shape, strict=True)):
        return tensor
    wide = torch.zeros(shape, dtype=tensor.dtype)
    wide[tuple(slice(size) for size in tensor.shape)] = tensor
    return wide


def warn_of_objective(config: Mapping[str, Any], file: Path) -> None:
    """Warn of another training objective than rectified flow; the default is ``v`` (stable-audio-tools,
    ``models/diffusion.py``)."""
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
