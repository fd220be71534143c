"""Stable Audio Open's VAE, or another Oobleck VAE of stable-audio-tools, frozen and fully loaded or refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from saga_kedro.model import tensors
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.library import quiet
from saga_kedro.weights import STABLE_AUDIO_OPEN, MissingWeights

if TYPE_CHECKING:
    from stable_audio_tools.models.autoencoders import AudioAutoencoder

CHUNK, OVERLAP = 128, 32
"""Latents: the defaults of stable-audio-tools' chunked encoding (``AudioAutoencoder.encode_audio``). Half the overlap covers
the receptive field of Stable Audio Open's VAE, so chunks only save memory."""

PREFIXES = ("", "autoencoder_ema.ema_model.", "autoencoder.", "pretransform.model.", "diffusion.pretransform.model.")
"""Prefixes of the VAE's tensors in a checkpoint: exported; its training checkpoint, averaged (preferred, as in its own export)
or not; a diffusion model's export, such as Stable Audio Open's; a diffusion model's training checkpoint."""


_SIZE = {"channels": 128, "c_mults": [1, 2, 4, 8, 16], "strides": [2, 4, 4, 8, 8], "use_snake": True}
STABLE_AUDIO_OPEN_VAE: dict[str, Any] = {
    "model_type": "autoencoder",
    "sample_rate": 44_100,
    "model": {
        "encoder": {"type": "oobleck", "config": {"in_channels": 2, "latent_dim": 128, **_SIZE}},
        "decoder": {"type": "oobleck", "config": {"out_channels": 2, "latent_dim": 64, "final_tanh": False, **_SIZE}},
        "bottleneck": {"type": "vae"},
        "latent_dim": 64,
        "downsampling_ratio": 2048,
        "io_channels": 2,
    },
}
"""Stable Audio Open 1.0's model_config.json, its pretransform: what is built where the speed of the real size is measured."""


class UnloadedCodec(MissingWeights):
    """An autoencoder's weights are absent, or do not fill it: its latents would be noise."""


class Autoencoder(nn.Module):
    """A frozen variational autoencoder of stable-audio-tools behind the codecs' interface.

    It equals ``AutoencoderPretransform`` (``models/pretransforms.py``), but returns the posterior instead of one draw from the
    global generator, and always processes long audio in chunks. ``model`` must be a VAE with two audio channels (else
    ValueError) and weights; latents are the VAE's divided by ``scale``; ``posterior`` ``drawn`` keeps the VAE's deviations,
    ``mean`` drops them. Stable Audio Open has 64 ``latent_channels`` and a ``hop`` of 2,048 samples.
    """

    def __init__(self, model: AudioAutoencoder, scale: float = 1.0, posterior: Literal["drawn", "mean"] = "drawn") -> None:
        from stable_audio_tools.models.bottleneck import VAEBottleneck

        super().__init__()
        if not isinstance(model.bottleneck, VAEBottleneck):
            raise ValueError(
                f"The codec autoencoder needs a VAE, this one has the bottleneck {type(model.bottleneck).__name__}."
            )
        if model.io_channels != 2:
            raise ValueError(f"The codec autoencoder needs two audio channels, this one has {model.io_channels}.")
        if posterior not in ("drawn", "mean"):
            raise ValueError(f"The posterior is drawn or its mean is taken, not {posterior!r}: use drawn or mean.")
        self.model = model.requires_grad_(False).eval()
        self.scale = scale
        self.posterior = posterior
        self.latent_channels = int(model.latent_dim)
        self.hop = int(model.downsampling_ratio)
        self.eval()

    @classmethod
    def load(cls, path: str | Path | None = None, posterior: Literal["drawn", "mean"] = "drawn") -> Autoencoder:
        """The autoencoder in a folder, with every tensor from the checkpoint.

        ``path`` holds weights and ``model_config.json``, stable-audio-tools' configuration of the autoencoder or of a model
        whose pretransform it is (else ValueError). Absent files, and tensors that are missing or of another shape, are an
        `UnloadedCodec`.
        """
        if STABLE_AUDIO_OPEN.absent(path):
            raise UnloadedCodec(STABLE_AUDIO_OPEN.sentence(path))
        assert path is not None
        folder = Path(path)
        model, scale = build_autoencoder(json.loads((folder / "model_config.json").read_text()))
        weights = tensors.find(folder)
        fill(model, tensors.read(weights, PREFIXES[1:]), weights)
        return cls(model, scale, posterior)

    def train(self, mode: bool = True) -> Autoencoder:
        """Stays in eval mode."""
        return super().train(False)

    @torch.no_grad()
    def encode(self, audio: Tensor) -> Posterior:
        """The posterior of ``audio`` [B, 2, N], padded with zeros to whole latents [B, latent_channels, ceil(N / hop)].

        Its deviation is softplus(.) + 1e-4 as in the VAE's bottleneck; both are divided by the scale. Computed in the weights'
        dtype, returned in the audio's.
        """
        padded = functional.pad(audio, (0, -audio.shape[-1] % self.hop)).to(next(self.model.parameters()).dtype)
        with torch.autocast(audio.device.type, enabled=False):
            encoded = in_chunks(lambda chunk: self.model.encode(chunk, skip_bottleneck=True), padded, self.hop, 1)
        mean, raw = encoded.chunk(2, dim=1)
        mean = (mean / self.scale).to(audio.dtype)
        if self.posterior == "mean":
            return Posterior.exact(mean)
        return Posterior(mean, ((functional.softplus(raw) + 1e-4) / self.scale).to(audio.dtype))

    @torch.no_grad()
    def decode(self, z: Tensor, seeds: Sequence[int] | None = None, first: int = 0) -> Tensor:
        """Latents [B, latent_channels, T] to audio [B, 2, T hop]; it draws no noise."""
        scaled = (z * self.scale).to(next(self.model.parameters()).dtype)
        with torch.autocast(z.device.type, enabled=False):
            return in_chunks(self.model.decode, scaled, 1, self.hop).to(z.dtype)


def build_autoencoder(config: dict[str, Any]) -> tuple[AudioAutoencoder, float]:
    """A random autoencoder and the scale of its latents, from its configuration or that of a diffusion model with one."""
    with quiet():
        from stable_audio_tools.models.autoencoders import create_autoencoder_from_config

        if config.get("model_type") == "autoencoder":
            return create_autoencoder_from_config(config), 1.0
        pretransform = config.get("model", {}).get("pretransform", {})
        if pretransform.get("type") != "autoencoder":
            raise ValueError(
                "model_config.json describes no autoencoder: "
                "it needs model_type autoencoder, or a pretransform of type autoencoder."
            )
        model = create_autoencoder_from_config({"sample_rate": config["sample_rate"], "model": pretransform["config"]})
    return model, float(pretransform.get("scale", 1.0))


def fill(model: nn.Module, given: dict[str, Tensor], source: Path) -> None:
    """Put a checkpoint's tensors into ``model``: all of them, or none and an `UnloadedCodec`. Others (a DiT) are ignored."""
    wanted = model.state_dict()
    prefix = max(PREFIXES, key=lambda p: sum(p + name in given for name in wanted))
    given = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    if wrong := tensors.misfits(wanted, given):
        raise UnloadedCodec(
            f"{source} does not fill the autoencoder of its model_config.json, {len(wrong)} tensors do not fit: "
            f"{'; '.join(wrong[:3])}."
        )
    model.load_state_dict({name: given[name] for name in wanted})


def in_chunks(function: Callable[[Tensor], Tensor], signal: Tensor, step_in: int, step_out: int) -> Tensor:
    """Apply a function, [B, C, n step_in] to [B, C', n step_out], to overlapping chunks of a signal and keep the middle of
    each.

    The algorithm of ``AudioAutoencoder.encode_audio`` and ``decode_audio`` with ``chunked=True``.
    """
    total = signal.shape[-1] // step_in
    if total <= CHUNK:
        return function(signal)
    starts = [*range(0, total - CHUNK, CHUNK - OVERLAP), total - CHUNK]
    pieces = []
    done = 0
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        until = total if following is None else following + OVERLAP // 2
        result = function(signal[..., start * step_in : (start + CHUNK) * step_in])
        pieces.append(result[..., (done - start) * step_out : (until - start) * step_out])
        done = until
    return torch.cat(pieces, dim=-1)
