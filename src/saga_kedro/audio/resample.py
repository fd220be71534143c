"""Change of rate and of the number of channels."""

from collections.abc import Callable
from math import ceil, gcd

import numpy as np

from saga_kedro.audio.spectra import frame_view

# `polyphase`: from 0.913 of the lower Nyquist frequency to all of it the response falls by 120 dB, about as soxr's does
PASSED = 0.913
ZERO_CROSSINGS = 96
KAISER_BETA = 12.0


def resample(audio: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    """Resample float32 [channels, samples] between rates in Hz without delay: soxr at very high quality, in a browser
    `polyphase`."""
    if rate_in == rate_out:
        return audio
    if audio.shape[-1] == 0:
        return np.zeros_like(audio, dtype=np.float32)
    try:
        import soxr
    except ImportError:
        return polyphase(audio, rate_in, rate_out)

    frames = np.ascontiguousarray(audio.T, dtype=np.float32)
    return np.ascontiguousarray(soxr.resample(frames, rate_in, rate_out, quality="VHQ").T)


def polyphase(audio: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    """`resample` with NumPy alone: a sinc under a Kaiser window."""
    up, down = rate_out // gcd(rate_in, rate_out), rate_in // gcd(rate_in, rate_out)
    lower = min(1.0, up / down)
    reach = ceil(ZERO_CROSSINGS / lower)
    cutoff = lower * (1 + PASSED) / 2
    samples = round(audio.shape[-1] * up / down)
    rounds = ceil(samples / up)
    padded = np.pad(audio.astype(np.float32, copy=False), ((0, 0), (reach, reach + rounds * down)))
    result = np.empty((len(audio), rounds, up), np.float32)
    around = np.arange(-reach + 1, reach + 1)
    for phase in range(up):  # every ``up``-th sample of the result lies at the same place between two of the input
        whole, part = divmod(phase * down, up)
        distance = around - part / up
        window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / reach) ** 2, 0, None))) / np.i0(KAISER_BETA)
        kernel = (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)
        for channel, row in enumerate(padded):
            result[channel, :, phase] = frame_view(row[whole + 1 :], 2 * reach, down)[:rounds] @ kernel
    return result.reshape(len(audio), -1)[:, :samples]


def to_stereo(audio: np.ndarray) -> np.ndarray:
    """Two float32 channels from any number of them; mono is duplicated.

    With more than two, the first is left, the second right, and the others go to both 3 dB lower; dividing by the gains' sum
    keeps the result from clipping.
    """
    channels = len(audio)
    if channels == 1:
        return np.repeat(audio.astype(np.float32, copy=False), 2, axis=0)
    if channels == 2:
        return audio.astype(np.float32, copy=False)
    others = audio[2:].sum(axis=0) * np.sqrt(0.5)
    return ((audio[:2] + others) / (1 + (channels - 2) * np.sqrt(0.5))).astype(np.float32)


CHANNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"stereo": to_stereo}
"""Which channels of audio [C, N] are kept: [2, N]."""
