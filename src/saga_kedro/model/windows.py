"""Latents longer than a training segment: overlapping windows of its length, and their cross-fade."""

from __future__ import annotations

import torch
from torch import Tensor

# Share of a window that it has in common with the next one.
OVERLAP = 0.25


def window_starts(frames: int, length: int) -> list[int]:
    """Where windows of ``length`` frames start, so that they cover ``frames``; the last one ends with the last frame.

    Raises:
        ValueError: there are fewer frames than a window has.
    """
    if frames < length:
        raise ValueError(f"{frames} frames are fewer than a window of {length}: pad them first.")
    stride = max(1, round(length * (1 - OVERLAP)))
    return [*range(0, frames - length, stride), frames - length]


def cut(z: Tensor, starts: list[int], length: int) -> Tensor:
    """Windows of one latent: [C, L] -> [windows, C, length]."""
    return torch.stack([z[:, start : start + length] for start in starts])


def cross_fade(windows: Tensor, starts: list[int], frames: int) -> Tensor:
    """The weighted mean of windows where they overlap, linear ramps as weights: [windows, C, length] -> [C, frames].

    Equal windows come back as they were: ``cross_fade(cut(z, ...))`` is z.
    """
    length = windows.shape[-1]
    rise = torch.arange(1, length + 1, device=windows.device, dtype=windows.dtype) / (OVERLAP * length + 1)
    weight = torch.minimum(rise, rise.flip(0)).clamp(max=1)
    total, weights = windows.new_zeros(windows.shape[1], frames), windows.new_zeros(frames)
    for window, start in zip(windows, starts, strict=True):
        total[:, start : start + length] += weight * window
        weights[start : start + length] += weight
    return total / weights
