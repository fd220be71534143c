"""Results that would clip, and the range of integer samples."""

import math

import numpy as np

FULL_SCALE = 0.999


def gain_for(peak: float) -> float:
    """The factor that keeps a peak from clipping in integer samples, 1 where nothing clips."""
    return 1.0 if peak <= 1 else FULL_SCALE / peak


def decibels(gain: float) -> float:
    """A factor in dB."""
    return 20 * math.log10(gain)


def as_24_bit(audio: np.ndarray) -> np.ndarray:
    """Up to the last step under full scale: libsndfile lets integers wrap around."""
    return np.clip(audio, -1.0, 1.0 - 2.0**-23)
