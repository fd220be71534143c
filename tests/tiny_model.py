"""A model so small that using it takes a tenth of a second: the real parts, random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from saga_kedro.draws import generator
from saga_kedro.model.codec.band_envelope import FLOOR_DB, SCALE_DB
from saga_kedro.model.condition import Condition
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.onnx_export import export_onnx
from saga_kedro.model.saga_sr import SagaSR

CONFIGURATION: dict[str, Any] = {
    "codec": {"name": "band_envelope", "hop": 1024, "bands": 32},
    "backbone": {"embed_dim": 32, "depth": 1, "num_heads": 1},
    "text": {"encoder": "minilm", "path": None, "max_tokens": 8},
    "conditioning": {"null_latent": -5.0, "text_null": "zeroed_context"},
    "channels": "stereo",
    "rolloff": "magnitude",
    "network": "saga",
    "segment_samples": 16_384,
    "sample": {
        "steps": 1,
        "schedule": "linear_quadratic",
        "guidance": "eq4",
        "s_a": 1.4,
        "s_t": 1.2,
        "rolloff": "predicted",
        "low_band": "input_cutoff",
        "sampler": "euler",
        "temperature": 1.0,
        "noise_floor": 0.0,
    },
}


def away_from_zero(module: nn.Module, name: str = "away from zero") -> torch.Generator:
    """Initial weights, moved by draws of that name: layers that start at zero would hide what lies behind them."""
    initialise_by_name(module, 0)
    source = generator(0, name)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=source))
    return source


def random_condition(name: str, items: int = 3, frames: int = 12, tokens: int = 5) -> Condition:
    """For a network of 4 latent channels and text of width 16."""
    source = generator(0, name)
    z_l, text = torch.randn(items, 4, frames, generator=source), torch.randn(items, tokens, 16, generator=source)
    return Condition(z_l, text, f_l=torch.tensor([0.2, 0.3, 0.1])[:items], f_h=torch.tensor([0.7, 0.9, 0.5])[:items])


def tiny_model(text: str = "minilm", **sample: Any) -> SagaSR:
    """The model, with another text encoder and other sampling defaults where they are given."""
    texts = {**CONFIGURATION["text"], "encoder": text}
    saga = SagaSR({**CONFIGURATION, "text": texts, "sample": {**CONFIGURATION["sample"], **sample}})
    source = away_from_zero(saga.network, "tiny model")
    saga.rolloff_predictor.fit(torch.randn(200, 128, generator=source), torch.rand(200, generator=source))
    saga.network.eval()
    return saga


def write_exported_model(folder: Path) -> Path:
    """The model without captions, in half precision as weights are shipped, and with its ONNX graph."""
    model = tiny_model(text="none")
    model.save_pretrained(folder, half=True)
    export_onnx(model, folder)
    return folder


def network_bytes(weights: Path) -> int:
    """What the network takes of a file of weights."""
    return sum(value.nbytes for name, value in load_file(weights).items() if name.startswith("network."))


def hushed_model(**sample: Any) -> SagaSR:
    """The model with a network that hears nothing above the cutoff: all that it generates is at -100 dB."""
    saga = tiny_model(**sample)
    quiet = torch.from_numpy((FLOOR_DB - np.tile(saga.codec.centre, 2)) / SCALE_DB)
    saga.generate = lambda stretch, *rest: quiet[:, None].expand_as(stretch.z_l)  # type: ignore[method-assign]
    return saga
