"""Audio that is read by ranges, since it need not fit into memory."""

from collections.abc import Callable

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass

FILTER_MARGIN = 8_192  # samples that keep a filter's ends out of what is read

Read = Callable[[int, int], np.ndarray]
"""(start, stop) -> [channels, stop - start]: audio that may lie on a disk."""


def from_array(audio: np.ndarray) -> Read:
    """Ranges of [channels, samples]."""
    return lambda start, stop: audio[:, start:stop]


def shifted(read: Read, samples: int, offset: int) -> Read:
    """The same, counted from ``offset``; behind the end, at ``samples``, are zeros."""

    def shifted_read(start: int, stop: int) -> np.ndarray:
        audio = read(offset + start, min(samples, offset + stop))
        return np.pad(audio, ((0, 0), (0, stop - start - audio.shape[-1])))

    return shifted_read


def low_passed(read: Read, samples: int, low: LowPass) -> Read:
    """The same at 44.1 kHz, ``samples`` long, after a low-pass."""

    def filtered(start: int, stop: int) -> np.ndarray:
        begin, end = max(0, start - FILTER_MARGIN), min(samples, stop + FILTER_MARGIN)
        return low_pass(read(begin, end), SAMPLE_RATE, low)[:, start - begin : stop - begin]

    return filtered
