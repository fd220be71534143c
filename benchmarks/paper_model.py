"""conf/paper's parameters, and its models with random weights at their real size: what the benchmarks here measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from torch import nn

from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, Autoencoder, build_autoencoder
from saga_kedro.parameters import Parameters, validate

ROOT = Path(__file__).parents[1]


def read_parameters(*environments: str) -> Parameters:
    """conf/base with these environments on top."""
    files = [OmegaConf.load(ROOT / "conf" / name / "parameters.yml") for name in ("base", *environments)]
    merged: Any = OmegaConf.to_container(OmegaConf.merge(*files))
    return validate(merged)


def random_vae() -> Autoencoder:
    """Stable Audio Open's VAE at its real width, its weights as its constructor draws them."""
    model, scale = build_autoencoder(STABLE_AUDIO_OPEN_VAE)
    return Autoencoder(model, scale)


def random_t5() -> nn.Module:
    """T5-base's encoder (google-t5/t5-base, config.json)."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=32_128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12)
    return T5EncoderModel(config).eval().requires_grad_(False)


def empty_qwen2_audio() -> nn.Module:
    """Qwen2-Audio-7B (Qwen/Qwen2-Audio-7B, config.json) on the meta device: shapes without memory."""
    import torch
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

    text = {
        "model_type": "qwen2",
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 156_032,
    }
    audio = {
        "d_model": 1280,
        "encoder_layers": 32,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120,
        "max_source_positions": 1500,
        "num_mel_bins": 128,
    }
    with torch.device("meta"):
        return Qwen2AudioForConditionalGeneration(Qwen2AudioConfig(audio_config=audio, text_config=text))


def millions(module: nn.Module) -> float:
    """Parameters of a module, in millions."""
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6
