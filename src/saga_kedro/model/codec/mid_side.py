"""Stereo as mid and side, so that identical channels are a silent side and stay identical."""

from __future__ import annotations

import torch
from torch import Tensor


def to_mid_side(audio: Tensor) -> Tensor:
    """``mid = (left + right) / 2``, ``side = (left - right) / 2``: [B, 2, ...] to [B, 2, ...]."""
    left, right = audio.unbind(1)
    return torch.stack([(left + right) / 2, (left - right) / 2], dim=1)


def to_left_right(mid_side: Tensor) -> Tensor:
    """Inverse of `to_mid_side`; where the side is exactly zero the two channels are exactly equal."""
    mid, side = mid_side.unbind(1)
    return torch.stack([mid + side, mid - side], dim=1)
