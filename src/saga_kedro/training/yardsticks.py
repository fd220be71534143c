"""The losses of predictors that know little, to compare a training loss with."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

QUANTILES = 20_000


def timestep_quantiles(timesteps: str) -> np.ndarray:
    """Evenly spaced quantiles of a distribution of t, [QUANTILES], in (0, 1), over which integrals become means.

    Those of ``uniform`` and ``logit_normal`` are exact; any other registered distribution is sampled.
    """
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    if timesteps == "uniform":
        return levels
    if timesteps == "logit_normal":
        normal = np.array([NormalDist().inv_cdf(level) for level in levels])
        return 1 / (1 + np.exp(-normal))
    import torch

    from saga_kedro.model.flow import TIMESTEPS
    from saga_kedro.model.parts import part

    draw, source = part("timesteps", TIMESTEPS, timesteps), torch.Generator().manual_seed(0)
    return np.sort([float(draw(source)) for _ in range(QUANTILES)]).clip(1e-6, 1 - 1e-6)


def gaussian_floor(deviation: float, timesteps: str) -> float:
    """Least flow loss where only the deviation s of the data is known: the mean over t of s^2 / ((1-t)^2 s^2 + t^2).

    The variance of noise - z_h given z_t for Gaussian z_h. Under uniform t it is s pi / 2 (1.571 at s = 1), under
    logit-normal t 1.741 at s = 1. With s the residual deviation of z_h given z_l, it is the floor when z_l is known.
    """
    t = timestep_quantiles(timesteps)
    s2 = deviation**2
    return float(np.mean(s2 / ((1 - t) ** 2 * s2 + t**2)))


def residual_deviation(z_h: Tensor, z_l: Tensor) -> float:
    """Deviation of z_h around its linear regression on z_l, both [N, C, T], frame by frame and over all channels."""
    import torch

    target = z_h.transpose(1, 2).flatten(0, 1).double()
    known = z_l.transpose(1, 2).flatten(0, 1).double()
    known = torch.cat([known, torch.ones(len(known), 1, dtype=known.dtype)], dim=1)
    # A ridge of 1e-6: constant channels of z_l, as above the low-pass, would make the system singular.
    gram = known.T @ known
    gram += 1e-6 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    residual = target - known @ torch.linalg.solve(gram, known.T @ target)
    return float(residual.square().mean().sqrt())


def yardsticks(z_h: Tensor, z_l: Tensor, timesteps: str) -> dict[str, float]:
    """The losses of three predictors on a run's own latents, [N, C, T], and its own distribution of t.

    Returns:
        ``yardstick/nothing``: 1 + s^2, v = 0; ``yardstick/variance``: knows the deviation; ``yardstick/z_l``: knows z_l as
        well, linearly; ``latent/std`` and ``latent/mean``: of z_h.
    """
    deviation = float(z_h.std(correction=0))
    return {
        "yardstick/nothing": 1 + float(z_h.square().mean()),
        "yardstick/variance": gaussian_floor(deviation, timesteps),
        "yardstick/z_l": gaussian_floor(residual_deviation(z_h, z_l), timesteps),
        "latent/std": deviation,
        "latent/mean": float(z_h.mean()),
    }
