"""A codec's posterior over the latents of a piece of audio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like
from saga_kedro.draws import generator


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents [B, C, T]; its deviation is zero for a codec that is a function of the audio."""

    mean: Array
    deviation: Array

    @classmethod
    def exact(cls, latents: Array) -> Posterior:
        """The posterior of a codec without randomness: every draw is ``latents``, [B, C, T]."""
        return cls(latents, array_namespace(latents).zeros_like(latents))

    def draw(self, seeds: Sequence[int]) -> Array:
        """``mean + deviation * noise``, the noise of item b drawn from ``seeds[b]`` alone; another number of seeds is a
        ValueError.

        stable-audio-tools' VAE bottleneck (``models/bottleneck.py``, ``vae_sample``) draws from the global generator instead.
        """
        if len(seeds) != len(self.mean):
            raise ValueError(f"A batch of {len(self.mean)} needs as many seeds to be drawn, {len(seeds)} were given.")
        if not self.deviation.any():
            return self.mean
        return self.mean + self.deviation * like(posterior_noise(seeds, self.mean.shape[1:]), self.mean)


def posterior_noise(seeds: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """The standard normal noise of a draw: float32 [B, *shape], item b from ``seeds[b]``."""
    import torch

    return np.stack([torch.randn(*shape, generator=generator(seed, "posterior")).numpy() for seed in seeds])


def posterior_statistics(posteriors: Iterable[Posterior]) -> dict[str, float]:
    """``mean`` and ``deviation`` of drawn latents; ``posterior_deviation``, the root mean square within a draw;
    ``reliability``, the share of a latent's variance that is the audio's, the correlation of two encodings of the same audio: 1
    for a codec without randomness, about 0 for a VAE of random weights."""
    count, total, squares, noise = 0, 0.0, 0.0, 0.0
    for posterior in posteriors:
        means = posterior.mean.double()
        count += means.numel()
        total += means.sum().item()
        squares += means.square().sum().item()
        noise += posterior.deviation.double().square().sum().item()
    if not count:
        raise ValueError("Latent statistics need at least one batch of audio.")
    mean, within = total / count, noise / count
    between = squares / count - mean**2
    variance = between + within
    return {
        "mean": mean,
        "deviation": variance**0.5,
        "posterior_deviation": within**0.5,
        "reliability": between / variance if variance > 0 else 1.0,
    }
