"""SAGA-SR in PyTorch: for training, audit and evaluation, and for use where ONNX Runtime cannot compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.reading import Read
from saga_kedro.captioning.descriptors import caption
from saga_kedro.captioning.windows import window_table
from saga_kedro.model import tensors
from saga_kedro.model.condition import Condition
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.network import NETWORKS, SagaNetwork
from saga_kedro.model.parts import part
from saga_kedro.model.saved import WEIGHTS, read_config, write_model
from saga_kedro.model.super_resolver import Prompt, SuperResolver
from saga_kedro.model.text import NoText, TextEncoder, pad_states

if TYPE_CHECKING:
    from saga_kedro.parameters import Parameters


class SagaSR(SuperResolver):
    """Network, codec, text encoder and roll-off predictor, with the defaults to sample with.

    ``config`` is `SuperResolver`'s with ``network``, ``backbone``, ``text`` {encoder, path, max_tokens} and ``conditioning``.
    """

    network: SagaNetwork

    def __init__(self, config: dict[str, Any], text_encoder: TextEncoder | None = None) -> None:
        super().__init__(config)
        text = config["text"]
        self.text_encoder = text_encoder or TextEncoder.load(text["encoder"], text["path"], text["max_tokens"])
        self.takes_prompts = not isinstance(self.text_encoder, NoText)
        options = config["backbone"] | config["conditioning"]
        build = part("network", NETWORKS, config["network"])
        self.network = build(self.codec.latent_channels, self.text_encoder.width, **options)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device) -> SagaSR:
        """Move the model to a device, and return it."""
        for module in (self.network, self.text_encoder, self.codec):
            module.to(device)
        return self

    def learned_state(self) -> dict[str, Tensor]:
        """All that is trained or fitted, by name: the tensors of the network and of the two predictors."""
        network = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return network | {name: torch.from_numpy(table) for name, table in self.tables().items()}

    def save_pretrained(self, folder: str | Path, half: bool = False) -> None:
        """Write ``model.safetensors`` and ``saga_sr.json`` into ``folder``, each of them whole or not at all.

        ``half`` stores the network's weights in half precision; the model still computes in single precision.
        """
        state = {name: value.detach().cpu().contiguous() for name, value in self.learned_state().items()}
        if half:
            state |= {n: v.half() for n, v in state.items() if n.startswith("network.") and v.is_floating_point()}
        write_model(folder, self.config, state)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path | None = None,
        device: str | torch.device = "cpu",
        text_encoder: TextEncoder | None = None,
    ) -> SagaSR:
        """Load what ``save_pretrained`` wrote into ``folder``; None is the bundled model.

        Errors are `read_config`'s, and a ValueError with the first three mismatches if weights and configuration differ.
        """
        folder, config = read_config(folder)
        saga = cls(config, text_encoder)
        own, given = saga.learned_state(), tensors.read(folder / WEIGHTS)
        if wrong := sorted(tensors.misfits(own, given)):
            first = "; ".join(wrong[:3])
            raise ValueError(f"{folder / WEIGHTS} does not fit its configuration: {first} ({len(wrong)} in all).")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(given[name])
        saga.network.eval()
        return saga.to(device)

    @torch.no_grad()
    def velocity(self, z_t: Tensor, t: Tensor, condition: Condition, setting: Mapping[str, Any]) -> Tensor:
        return super().velocity(z_t, t, condition, setting)

    def array(self, audio: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(audio, np.float32)).to(self.device)

    def text(self, captions: Sequence[str]) -> Tensor:
        states = self.text_encoder.encode(captions)
        return pad_states(states, self.text_encoder.max_tokens, self.text_encoder.width).to(self.device)

    def captions(self, read: Read, samples: int, prompt: Prompt) -> str | list[str]:
        """One caption for the clip, or one for each stretch, as long as the windows of training captions."""
        if not self.takes_prompts:
            return super().captions(read, samples, prompt)
        if isinstance(prompt, str):
            return prompt
        stretches = window_table(pd.DataFrame({"clip_id": [""], "samples": [samples]}))
        if prompt is None:
            bounds = zip(stretches["start"].tolist(), stretches["samples"].tolist(), strict=True)
            return [caption(read(start, start + length), SAMPLE_RATE) for start, length in bounds]
        if len(prompt) != len(stretches):
            raise ValueError(
                f"{len(prompt)} captions were given for audio of {samples / SAMPLE_RATE:.2f} s, which has {len(stretches)} "
                "stretches of 5.94 s (a tail under 1.5 s belongs to the last): give one for each, or one for all."
            )
        return list(prompt)


def build_model(parameters: Parameters, text_encoder: TextEncoder | None = None) -> SagaSR:
    """The model at the start of a training: its initial weights are named draws of ``seed``."""
    model = SagaSR(parameters.model.model_dump() | {"sample": parameters.sample.model_dump()}, text_encoder=text_encoder)
    initialise_by_name(model.network, parameters.seed)
    return model
