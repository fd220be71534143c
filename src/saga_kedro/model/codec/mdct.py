"""A lossless lapped transform as a codec without weights, for work in which the waveform itself is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from saga_kedro.model.codec.mid_side import to_left_right, to_mid_side
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.codec.precision import in_working_dtype

COMPANDING = 0.4
"""Exponent of the compander sign(c) |c|^0.4: coefficients of audio are so heavy-tailed that a flow on linear ones hardly
learns."""
LEVEL, CORNER_HZ, SLOPE = 0.237, 1600.0, 2.39
"""Scale of a coefficient at f Hz: LEVEL (1 + f / CORNER_HZ)^-SLOPE, for 256 bands. Fitted by least squares on logarithms
to the same 180 excerpts as the band envelope's centres, so that companded latents have a second moment of 1 (residual 0.32
nepers)."""


class Mdct(nn.Module):
    """The modified discrete cosine transform of mid and side, scaled per band and companded: 2 x ``bands`` latent channels.

    X[k] = sqrt(2 / M) sum over n of w[n] x[n] cos(pi / M (n + 1/2 - M/2) (k + 1/2)), M = ``bands``, sine window w of 2 M
    samples (Princen, Johnson and Bradley, 1987; with + M/2 in most books, the same transform of the frame read backwards),
    computed as rotations across the block borders followed by an orthonormal DCT-IV of each block. The first and the last
    border have no neighbour and are not rotated, so that T blocks give back all of T M samples: the transform is an
    orthogonal matrix and its inverse is its transpose.

    The latent is z = sign(X) |X / scale(f)|^0.4.

    Attributes:
        sample_rate: Hz.
        audio_channels: 2.
        latent_channels: 2 x bands; mid first, low bands first.
        hop: samples a latent, equal to ``bands``.
        silence: zeros, [latent_channels]; they decode to exact zeros.
    """

    silence: Tensor
    cosines: Tensor
    rotation: Tensor
    scale: Tensor

    def __init__(self, bands: int = 256, sample_rate: int = 44_100) -> None:
        """Args:
            bands: of mid and of side, and samples a block; even.
            sample_rate: Hz.

        Raises:
            ValueError: an odd number of bands.
        """
        super().__init__()
        if bands < 2 or bands % 2:
            raise ValueError(f"The lapped transform needs an even number of bands, not {bands}.")
        self.sample_rate = sample_rate
        self.audio_channels = 2
        self.bands = bands
        self.latent_channels = 2 * bands
        self.hop = bands

        centres = torch.arange(bands, dtype=torch.float64) + 0.5
        # float64: the round trip of float64 audio is then exact to its own rounding
        self.register_buffer(
            "cosines", math.sqrt(2 / bands) * torch.cos(math.pi / bands * torch.outer(centres, centres)), False
        )
        angles = math.pi / (2 * bands) * (torch.arange(bands // 2, dtype=torch.float64) + 0.5 + bands / 2)
        self.register_buffer("rotation", torch.stack([torch.sin(angles), torch.cos(angles)]), persistent=False)
        hertz = centres * sample_rate / (2 * bands)
        self.register_buffer("scale", LEVEL * (1 + hertz / CORNER_HZ) ** -SLOPE, persistent=False)
        self.register_buffer("silence", torch.zeros(2 * bands), persistent=False)
        self.eval()

    @torch.no_grad()
    def encode(self, audio: Tensor) -> Posterior:
        """Companded coefficients of ``audio``.

        Args:
            audio: [B, 2, N], in [-1, 1]; the last block is filled up with zeros.

        Returns:
            The exact posterior, [B, 2 bands, ceil(N / bands)], in the audio's dtype; computed in float32, or float64 if
            that is given.
        """
        work = in_working_dtype(audio)
        with torch.autocast(audio.device.type, enabled=False):
            coefficients = self.transform(to_mid_side(work)) / self.scale.to(work)
            latents = coefficients.sign() * coefficients.abs() ** COMPANDING
        return Posterior.exact(latents.mT.flatten(1, 2).to(audio))

    @torch.no_grad()
    def decode(
        self,
        z: Tensor,
        seeds: Sequence[int] | None = None,
        low: Tensor | None = None,
        first: int = 0,
        cutoff_hz: float | None = None,
    ) -> Tensor:
        """Audio of companded coefficients ``z``, [B, 2 bands, T] to [B, 2, T bands]; the rest is not needed."""
        work = in_working_dtype(z)
        with torch.autocast(z.device.type, enabled=False):
            companded = work.unflatten(1, (2, self.bands)).mT
            coefficients = companded.sign() * companded.abs() ** (1 / COMPANDING)
            audio = self.inverse(coefficients * self.scale.to(work))
        return to_left_right(audio).to(z)

    def transform(self, signal: Tensor) -> Tensor:
        """[..., N] to coefficients [..., ceil(N / bands), bands]: orthogonal, so energies are equal."""
        blocks = functional.pad(signal, (0, -signal.shape[-1] % self.bands)).unflatten(-1, (-1, self.bands))
        return self._rotate(blocks, sign=1) @ self.cosines.to(signal)

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The inverse of `transform`, [..., T, bands] to [..., T bands]."""
        return self._rotate(coefficients @ self.cosines.to(coefficients), sign=-1).flatten(-2)

    def _rotate(self, blocks: Tensor, sign: int) -> Tensor:
        """Rotate each sample after a border with its mirror image before it: the even and odd ends that a DCT-IV expects."""
        near, far = self.rotation.to(blocks)
        half = self.bands // 2
        before, after = blocks[..., :-1, half:].flip(-1), blocks[..., 1:, :half]
        rotated = blocks.clone()
        rotated[..., 1:, :half] = near * after + sign * far * before
        rotated[..., :-1, half:] = (near * before - sign * far * after).flip(-1)
        return rotated
