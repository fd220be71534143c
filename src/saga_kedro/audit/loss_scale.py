"""The loss scale of 16-bit mixed precision, under which the failing code logs the gradient norm."""

from collections.abc import Sequence

import numpy as np

FIRST_SCALE = 65_536.0
GROWTH_INTERVAL = 2_000
HALF_MAXIMUM = 65_504.0
"""torch.amp.GradScaler: starts at 2^16, doubles after 2,000 good steps, halves after one that overflows float16."""


def loss_scales(largest: Sequence[float], interval: int = GROWTH_INTERVAL) -> np.ndarray:
    """The loss scale at each step, float64, from each step's ``largest`` absolute true gradient; NaN and infinity overflow."""
    scales, scale, good = [], FIRST_SCALE, 0
    for value in largest:
        scales.append(scale)
        if not np.isfinite(value) or value * scale > HALF_MAXIMUM:
            scale, good = scale / 2, 0
            continue
        good += 1
        if good == interval:
            scale, good = scale * 2, 0
    return np.asarray(scales, dtype=np.float64)
