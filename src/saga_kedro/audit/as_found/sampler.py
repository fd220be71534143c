"""Samplers that do not fit the way in which the network was trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga_kedro.model.sampler import euler

Velocity = Callable[[Tensor, Tensor], Tensor]
Progress = Callable[[Iterable[Any]], Iterable[Any]] | None


@torch.no_grad()
def time_reversed(velocity: Velocity, noise: Tensor, schedule: np.ndarray, progress: Progress = None) -> Tensor:
    """Euler with v(z, t) replaced by -v(z, 1 - t): the other convention's network in this convention's sampler.

    A network u trained with t = 0 as data is -u(z, 1 - t) in the paper's convention. So an aligned network is sampled here
    exactly as in the failing code, which trains in P's convention and starts at t = 1 with noise; for one trained in P's it is
    right.
    """
    return euler(lambda z, t: -velocity(z, 1 - t), noise, schedule, progress)


@torch.no_grad()
def as_v(velocity: Velocity, noise: Tensor, schedule: np.ndarray, progress: Progress = None) -> Tensor:
    """The network read as v-prediction, as stable-audio-tools does where ``diffusion_objective`` is unset.

    Its ``sample`` with eta = 0 (inference/sampling.py): alpha = cos(t pi / 2), sigma = sin(t pi / 2), data = alpha z - sigma v,
    eps = sigma z + alpha v, and z of the next time from the two.
    """
    steps: Iterable[Any] = list(zip(schedule[:-1].tolist(), schedule[1:].tolist(), strict=True))
    z = noise
    for t, t_next in progress(steps) if progress else steps:
        alpha, sigma = math.cos(t * math.pi / 2), math.sin(t * math.pi / 2)
        v = velocity(z, z.new_full((len(z),), t))
        data, eps = alpha * z - sigma * v, sigma * z + alpha * v
        z = math.cos(t_next * math.pi / 2) * data + math.sin(t_next * math.pi / 2) * eps
    return z
