"""An output brought to its reference's shape."""

from __future__ import annotations

import numpy as np


def fit_to(estimate: np.ndarray, channels: int, samples: int) -> np.ndarray:
    """An output as float32 [channels, samples], as its reference: mono is duplicated or mixed, the end cut or padded."""
    audio = np.asarray(estimate, np.float32)
    if len(audio) != channels:
        audio = np.repeat(audio.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
    short = max(0, samples - audio.shape[1])
    return np.ascontiguousarray(np.pad(audio[:, :samples], ((0, 0), (0, short))))
