"""The failing code's learning rate: InverseLR's decay, its warm-up turned into a constant factor."""

from __future__ import annotations


def without_warmup(step: int, inv_gamma: float, power: float, warmup: float) -> float:
    """warmup (1 + step / inv_gamma)^-power: with warmup = 0.99 the full rate from the first step on."""
    return warmup * (1 + step / inv_gamma) ** -power
