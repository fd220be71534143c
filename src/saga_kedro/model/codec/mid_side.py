"""Stereo as mid and side, so that identical channels are a silent side and stay identical."""

from __future__ import annotations

from saga_kedro.arrays import Array, array_namespace


def to_mid_side(audio: Array) -> Array:
    """``mid = (left + right) / 2``, ``side = (left - right) / 2``: [B, 2, ...] to [B, 2, ...]."""
    left, right = audio[:, 0], audio[:, 1]
    return array_namespace(audio).stack([(left + right) / 2, (left - right) / 2], axis=1)


def to_left_right(mid_side: Array) -> Array:
    """Inverse of `to_mid_side`; where the side is exactly zero the two channels are exactly equal."""
    mid, side = mid_side[:, 0], mid_side[:, 1]
    return array_namespace(mid_side).stack([mid + side, mid - side], axis=1)
