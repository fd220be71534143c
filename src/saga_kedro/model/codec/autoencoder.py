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
"""Latents: the defaults of stable-audio-tools' chunked encoding (``AudioAutoencoder.encode_audio``). Half the overlap,
which is what a chunk's end is kept away from, covers the receptive field of Stable Audio Open's VAE, so that chunks change
nothing but memory."""

PREFIXES = ("", "autoencoder_ema.ema_model.", "autoencoder.", "pretransform.model.", "diffusion.pretransform.model.")
"""Where a checkpoint keeps the VAE's tensors: exported; in the VAE's training checkpoint, averaged (as its own export
prefers) or not; in a diffusion model's export, such as Stable Audio Open's; in a diffusion model's training checkpoint."""


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
    """A variational autoencoder of stable-audio-tools behind the codecs' interface.

    Equal to its ``AutoencoderPretransform`` (``models/pretransforms.py``) but for two things: the posterior is returned
    instead of one draw from the global generator, and long audio is always processed in chunks. Frozen, in eval mode for good.

    Args:
        model: with its weights in place, as `load` puts them; a VAE with two audio channels, or it is a ValueError.
        scale: latents are the VAE's divided by this, as in the config of stable-audio-tools' pretransform.
        posterior: ``drawn`` keeps the VAE's deviations, ``mean`` makes every draw the mean.

    Attributes:
        latent_channels, hop: 64, and 2,048 samples a latent, in Stable Audio Open.
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
        """The autoencoder in a folder, every tensor of it from the checkpoint.

        Args:
            path: a folder with ``model_config.json`` (stable-audio-tools' configuration of the autoencoder itself, or of a
                model whose pretransform it is) and its weights, as `tensors.find` finds them.
            posterior: as for the constructor.

        Raises:
            UnloadedCodec: the folder or a file is absent, the checkpoint lacks a tensor or has one in another shape.
            ValueError: the configuration is not an autoencoder's.
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
        """The VAE's posterior of ``audio``: mean, and softplus(.) + 1e-4 as its bottleneck has it, both divided by the scale.

        [B, 2, N] is filled up with zeros to a whole number of latents, [B, latent_channels, ceil(N / hop)]. They have the
        audio's dtype, and are computed in that of the weights.
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
        """Audio of latents, [B, latent_channels, T] to [B, 2, T hop]; the rest is not needed."""
        scaled = (z * self.scale).to(next(self.model.parameters()).dtype)
        with torch.autocast(z.device.type, enabled=False):
            return in_chunks(self.model.decode, scaled, 1, self.hop).to(z.dtype)


def build_autoencoder(config: dict[str, Any]) -> tuple[AudioAutoencoder, float]:
    """An autoencoder with random weights from stable-audio-tools' configuration, and the scale of its latents.

    The configuration is of ``model_type`` autoencoder, or of a diffusion model with a ``pretransform`` of type autoencoder;
    another one is a ValueError.
    """
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
    """Put a checkpoint's tensors into ``model``: all of them, or none and an `UnloadedCodec` that names ``source``.

    Names begin with one of `PREFIXES`; what the checkpoint has beyond the model (a DiT, discriminators) is left alone.
    """
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
    """Apply an encoder or decoder to overlapping chunks of a long signal and keep the middle of each.

    The algorithm of ``AudioAutoencoder.encode_audio`` and ``decode_audio`` with ``chunked=True``; a signal of up to one
    chunk is not cut. The function takes [B, C, n step_in] to [B, C', n step_out], and so does this.
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
