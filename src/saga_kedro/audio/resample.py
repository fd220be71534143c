"""Change of rate and of the number of channels."""

from __future__ import annotations

import numpy as np


def resample(audio: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    """Resample with soxr at very high quality: linear phase, 28 bits of precision.

    Args:
        audio: float32 [channels, samples].
        rate_in, rate_out: Hz.

    Returns:
        float32 [channels, about samples x rate_out / rate_in], not delayed; ``audio`` itself where the rates are equal.
    """
    if rate_in == rate_out:
        return audio
    if audio.shape[-1] == 0:
        return np.zeros_like(audio, dtype=np.float32)
    import soxr  # a browser has none, and gives 44.1 kHz

    frames = np.ascontiguousarray(audio.T, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(frames, rate_in, rate_out, quality="VHQ").T)


def to_stereo(audio: np.ndarray) -> np.ndarray:
    """Two channels from any number of them.

    Mono is duplicated. With more than two, the first is left, the second right, and each other one goes to both 3 dB lower;
    the sum is divided by the gains' sum, so that it cannot clip where the channels did not.

    Args:
        audio: [channels, samples].

    Returns:
        float32 [2, samples].
    """
    channels = len(audio)
    if channels == 1:
        return np.repeat(audio.astype(np.float32, copy=False), 2, axis=0)
    if channels == 2:
        return audio.astype(np.float32, copy=False)
    others = audio[2:].sum(axis=0) * np.sqrt(0.5)
    return ((audio[:2] + others) / (1 + (channels - 2) * np.sqrt(0.5))).astype(np.float32)
