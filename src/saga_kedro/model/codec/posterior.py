"""What a codec knows of the latents of a piece of audio: a mean and a deviation for every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga_kedro.draws import generator


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents.

    Attributes:
        mean: [B, C, T].
        deviation: [B, C, T], not negative; all zero for a codec that is a function of the audio.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def exact(cls, latents: Tensor) -> Posterior:
        """The posterior of a codec without randomness: every draw is ``latents``, [B, C, T]."""
        return cls(latents, torch.zeros_like(latents))

    def draw(self, seeds: Sequence[int]) -> Tensor:
        """``mean + deviation * noise``, the noise of item b drawn from ``seeds[b]`` alone.

        The VAE bottleneck of stable-audio-tools draws the same sum (``models/bottleneck.py``, ``vae_sample``) from the global
        generator; here a draw depends neither on the batch nor on what was drawn before.

        Args:
            seeds: one an item.

        Returns:
            [B, C, T], on the mean's device and in its dtype.

        Raises:
            ValueError: the number of seeds is not the batch size.
        """
        if len(seeds) != len(self.mean):
            raise ValueError(f"A batch of {len(self.mean)} needs as many seeds to be drawn, {len(seeds)} were given.")
        if not self.deviation.any():
            return self.mean
        return self.mean + self.deviation * posterior_noise(seeds, self.mean.shape[1:]).to(self.mean)


def posterior_noise(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The standard normal noise of a draw: [B, *shape] float32 on the CPU, item b from ``seeds[b]``."""
    return torch.stack([torch.randn(*shape, generator=generator(seed, "posterior")) for seed in seeds])
