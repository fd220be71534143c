"""Latents longer than a training segment: overlapping windows of its length, and their cross-fade."""

from __future__ import annotations

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like

# Share of a window that it has in common with the next one.
OVERLAP = 0.25


def window_starts(frames: int, length: int) -> list[int]:
    """Where windows of ``length`` frames start, so that they cover ``frames``; the last one ends with the last frame."""
    if frames < length:
        raise ValueError(f"{frames} frames are fewer than a window of {length}: pad them first.")
    stride = max(1, round(length * (1 - OVERLAP)))
    return [*range(0, frames - length, stride), frames - length]


def cut(z: Array, starts: list[int], length: int) -> Array:
    """Windows of one latent: [C, L] -> [windows, C, length]."""
    return array_namespace(z).stack([z[:, start : start + length] for start in starts])


def cross_fade(windows: Array, starts: list[int], frames: int) -> Array:
    """The weighted mean of windows where they overlap, linear ramps as weights: [windows, C, length] -> [C, frames]. Equal
    windows come back as they were: ``cross_fade(cut(z, ...))`` is z."""
    length = windows.shape[-1]
    rise = np.arange(1, length + 1) / (OVERLAP * length + 1)
    weight = like(np.minimum(np.minimum(rise, rise[::-1]), 1), windows)
    total = like(np.zeros((windows.shape[1], frames), np.float32), windows)
    weights = like(np.zeros(frames, np.float32), windows)
    for window, start in zip(windows, starts, strict=True):
        total[:, start : start + length] += weight * window
        weights[start : start + length] += weight
    return total / weights
