"""Rectified flow: the straight path from data to noise, its velocity, its loss, and how training draws t.

Convention of stable-audio-tools (``training/diffusion.py``): t = 0 is data, t = 1 is noise. The paper writes the same path with
1 - t and the opposite sign of v; loss and samples are equal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """A path from data to noise, (z_h, noise, t) -> z_t, and the velocity to learn, (z_h, noise) -> v."""

    interpolate: Callable[[Tensor, Tensor, Tensor], Tensor]
    target: Callable[[Tensor, Tensor], Tensor]


def interpolate(z_h: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """z_t = (1 - t) z_h + t noise, for data z_h and unit normal noise [B, C, T], and t [B] in [0, 1]."""
    t = t[:, None, None]
    return z_h * (1 - t) + noise * t


def target_velocity(z_h: Tensor, noise: Tensor) -> Tensor:
    """v = dz_t / dt = noise - z_h, [B, C, T]."""
    return noise - z_h


OBJECTIVES = {"rectified_flow": Objective(interpolate, target_velocity)}


def flow_loss(
    v: Tensor, target: Tensor, mask: Tensor | None = None, huber: Tensor | None = None, delta: float | None = None
) -> tuple[Tensor, Tensor]:
    """Mean squared error of the velocity, or for some items the pseudo-Huber loss of each frame.

    Args:
        v, target: [B, C, T], the network's velocity and the true one.
        mask: bool [B, T], True at frames that count (not padding); None counts all.
        huber: bool [B], items with a loss of 2 delta (sqrt(e^2 + delta^2) - delta) for a frame whose mean squared error over
            channels is e^2: e^2 where it is small, 2 delta e where it is large, as LSD weighs a frame (the smooth form of Huber
            1964, "Robust estimation of a location parameter"; Charbonnier et al. 1994).
        delta: over 0, in units of the latents; None makes every item's loss squared.

    Returns:
        The mean over all values that count (stable-audio-tools' ``MSELoss``), and each item's mean [B], 0 where none count.
    """
    error = (v - target).square()
    if huber is not None and delta is not None:
        by_frame = 2 * delta * ((error.mean(dim=1, keepdim=True) + delta**2).sqrt() - delta)
        error = torch.where(huber[:, None, None], by_frame, error)
    if mask is None:
        return error.mean(), error.mean(dim=(1, 2))
    weight = mask[:, None, :].to(error.dtype).expand_as(error)
    sums, counts = (error * weight).sum(dim=(1, 2)), weight.sum(dim=(1, 2))
    return sums.sum() / counts.sum().clamp(min=1), sums / counts.clamp(min=1)


def uniform(source: torch.Generator) -> Tensor:
    """One t from U[0, 1), a scalar tensor."""
    return torch.rand((), generator=source)


def logit_normal(source: torch.Generator) -> Tensor:
    """One t = sigmoid(n), n unit normal, a scalar tensor (stable-audio-tools' ``logit_normal``, the authors' choice)."""
    return torch.sigmoid(torch.randn((), generator=source))


TIMESTEPS: dict[str, Callable[[torch.Generator], Tensor]] = {"uniform": uniform, "logit_normal": logit_normal}
