"""A small randomly initialised Oobleck VAE of stable-audio-tools, saved as a download would be."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from saga_kedro.model.codec.autoencoder import build_autoencoder


def tiny_autoencoder_config(scale: float = 1.0, channels: int = 2) -> dict[str, Any]:
    """Configuration of a diffusion model whose pretransform is a VAE with 8 latent channels and a hop of 64 samples."""
    size = {"channels": 4, "c_mults": [1, 2, 4], "strides": [4, 4, 4], "use_snake": True}
    vae = {
        "encoder": {"type": "oobleck", "config": {"in_channels": channels, "latent_dim": 16, **size}},
        "decoder": {"type": "oobleck", "config": {"out_channels": channels, "latent_dim": 8, "final_tanh": False, **size}},
        "bottleneck": {"type": "vae"},
        "latent_dim": 8,
        "downsampling_ratio": 64,
        "io_channels": channels,
    }
    pretransform = {"type": "autoencoder", "iterate_batch": True, "scale": scale, "config": vae}
    return {"model_type": "diffusion_cond", "sample_rate": 44_100, "model": {"pretransform": pretransform}}


def write_tiny_autoencoder(folder: Path, scale: float = 1.0, channels: int = 2) -> Path:
    """``model_config.json`` and ``model.safetensors`` of a diffusion model, with one tensor that belongs to its DiT."""
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny_autoencoder_config(scale, channels)
    (folder / "model_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    model, _ = build_autoencoder(config)
    tensors = {f"pretransform.model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    save_file(tensors | {"model.model.to_timestep_embed.weight": torch.zeros(2)}, folder / "model.safetensors")
    return folder
