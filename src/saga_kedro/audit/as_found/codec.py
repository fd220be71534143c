"""A VAE whose weights were never loaded: the failing code's frozen codec."""

import copy
import json
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from saga_kedro.draws import seed_of
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, Autoencoder, build_autoencoder
from saga_kedro.model.library import quiet

# Stable Audio Open's are 2, 4, 4, 8, 8; the largest first is three times as fast.
STRIDES = {1024: [8, 4, 4, 4, 2], 2048: [8, 8, 4, 4, 2]}


def random_autoencoder(
    path: str | None = None,
    hop: int = 2048,
    channels: int = 4,
    seed: int = 0,
    posterior: Literal["drawn", "mean"] = "drawn",
    **unused: Any,
) -> Autoencoder:
    """stable-audio-tools' Oobleck VAE with the weights its constructor drew: frozen, 64 latent channels.

    Its posterior's deviation is about 0.69 (softplus of about 0) whatever the audio, and its mean hardly moves: the latents are
    noise. The ``model_config.json`` in ``path`` gives the real width; else ``channels`` is the first layer's (there 128).
    """
    config = json.loads((Path(path) / "model_config.json").read_text()) if path else _config(hop, channels)
    with torch.random.fork_rng(devices=[]), quiet():  # the library draws from the global generator
        torch.manual_seed(seed_of(seed, "random autoencoder") % 2**32)
        model, scale = build_autoencoder(config)
    for module in model.modules():
        if hasattr(module, "weight_g"):  # frozen: no need to compute the norm of a weight in every call
            nn.utils.remove_weight_norm(module)
    return Autoencoder(model, scale, posterior)


def _config(hop: int, channels: int) -> dict[str, Any]:
    if hop not in STRIDES:
        raise ValueError(f"The random autoencoder's hop is one of {', '.join(map(str, STRIDES))} samples, not {hop}.")
    config = copy.deepcopy(STABLE_AUDIO_OPEN_VAE)
    for half in ("encoder", "decoder"):
        config["model"][half]["config"] |= {"channels": channels, "strides": STRIDES[hop]}
    config["model"]["downsampling_ratio"] = hop
    return config
