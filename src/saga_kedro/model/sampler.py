"""Euler's method along the flow."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from saga_kedro.arrays import Array, like


def euler(
    velocity: Callable[[Array, Array], Array],
    noise: Array,
    schedule: np.ndarray,
    progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
) -> Array:
    """Follow dz = v dt from noise at schedule[0] to data at schedule[-1] (stable-audio-tools' ``sample_discrete_euler``).

    Args:
        velocity: (z_t [B, C, T], t [B]) -> v [B, C, T].
        noise: [B, C, T], z at schedule[0].
        schedule: [steps + 1], falling from 1 to 0.
        progress: wraps the iterable of steps, e.g. ``tqdm``; None is silent.
    """
    steps: Iterable[Any] = list(zip(schedule[:-1].tolist(), schedule[1:].tolist(), strict=True))
    z = noise
    for t, t_next in progress(steps) if progress else steps:
        v = velocity(z, like(np.full(len(z), t, np.float32), z))
        z = z + (t_next - t) * v
    return z


SAMPLERS: dict[str, Callable[..., Array]] = {"euler": euler}
