"""Results that would clip, and the range of integer samples."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

FULL_SCALE = 0.999
BLOCK = 64  # samples that the limiter treats alike
REACH = 8  # blocks before and after a peak in which the limiter moves: 12 ms at 44.1 kHz


def gain_for(peak: float) -> float:
    """The factor that keeps a peak from clipping in integer samples, 1 where nothing clips."""
    return 1.0 if peak <= 1 else FULL_SCALE / peak


def limits(parts: Iterable[np.ndarray]) -> np.ndarray:
    """A limiter's gains for audio [channels, n], part by part in whole blocks: of each block's middle, at most 1.

    A block's gain is the mean, over its neighbours, of what the loudest block near them may have. So it moves slowly, is 1 far
    from a peak, and no line between two neighbouring gains lets a sample exceed ``FULL_SCALE``.
    """
    peaks = [np.zeros(0)]
    for part in parts:
        loudest = np.abs(part).max(axis=0)
        peaks.append(np.maximum.reduceat(loudest, np.arange(0, loudest.size, BLOCK)))
    peak = np.concatenate(peaks)
    allowed = np.pad(np.where(peak > 1, FULL_SCALE / np.maximum(peak, 1), 1), 2 * REACH + 1, constant_values=1.0)
    lowest = np.lib.stride_tricks.sliding_window_view(allowed, 2 * REACH + 3).min(axis=-1)
    return np.convolve(lowest, np.full(2 * REACH + 1, 1 / (2 * REACH + 1)), "valid")


def limited(parts: Iterable[np.ndarray], gains: np.ndarray) -> Iterator[np.ndarray]:
    """The same parts under the gains that `limits` gave."""
    done = 0
    for part in parts:
        middles = (done + np.arange(part.shape[-1]) + 0.5) / BLOCK - 0.5
        yield part * np.interp(middles, np.arange(gains.size), gains).astype(np.float32)
        done += part.shape[-1]


def decibels(gain: float) -> float:
    """A factor in dB."""
    return 20 * math.log10(gain)


def as_24_bit(audio: np.ndarray) -> np.ndarray:
    """Up to the last step under full scale: libsndfile lets integers wrap around."""
    return np.clip(audio, -1.0, 1.0 - 2.0**-23)
