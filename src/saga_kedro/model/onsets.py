"""Generated audio starts where the input does: a codec frame of 46 ms spreads a click, which the input times to 2 ms."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE

HEARD = (0.375, 0.95)  # of the cutoff: the part of the input whose envelope is followed
FINE, COARSE = 88, 4_096  # samples, 2 and 93 ms: of the input's envelope, and of what a codec makes of it
CREST_DB = (8.0, 12.0)  # from where the fine envelope counts, and where it is all that counts
AROUND = 2_048  # samples of a block: its crest counts in the blocks beside it too
RANGE_DB = (-60.0, 15.0)
TINY = 1e-14  # of energy: -140 dB


def onset_gain(low: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """What to multiply generated audio by, so that it has the input's fine envelope where that has a crest: float32 [C, N].

    ``low`` is the input, float32 [C, N] at 44.1 kHz. The gain is the ratio of the root mean squares of the input's band over 2
    and over 93 ms, to a power that rises from 0 to 1 with the crest (the highest ratio within 46 to 93 ms).
    """
    samples, size = low.shape[-1], 1 << (low.shape[-1] - 1).bit_length()
    first, top = (int(part * cutoff_hz / SAMPLE_RATE * size) for part in HEARD)
    spectrum = np.fft.rfft(low.astype(np.float64), size)[:, : top + 1]  # NumPy 2 would transform in single precision
    spectrum[:, :first] = 0
    few = 1 << top.bit_length() + 1  # the band's own rate is enough for its envelope
    energy = np.square(np.fft.irfft(spectrum, few) * (few / size))
    fine, coarse, around = (max(2, round(length * few / size)) for length in (FINE, COARSE, AROUND))
    ratio_db = 10 * np.log10((_smooth(energy, fine) + TINY) / (_smooth(energy, coarse) + TINY))
    share = _smooth(np.interp(_highest_around(ratio_db, around), CREST_DB, (0, 1)), fine)
    gain = 10 ** (share * np.clip(ratio_db, *RANGE_DB) / 20)
    places = np.arange(samples) * (few / size)
    return np.stack([np.interp(places, np.arange(few), channel) for channel in gain]).astype(np.float32)


def _smooth(values: np.ndarray, samples: int) -> np.ndarray:
    """The mean around each of [channels, N] under a triangle of that length: twice a running mean."""
    for _ in range(2):
        values = _running_mean(values, samples // 2)
    return values


def _running_mean(values: np.ndarray, samples: int) -> np.ndarray:
    half = samples // 2
    total = np.cumsum(np.pad(values, [(0, 0), (half + 1, half)], mode="edge"), axis=-1)
    return np.maximum((total[:, 2 * half + 1 :] - total[:, : -2 * half - 1]) / (2 * half + 1), 0) if half else values


def _highest_around(values: np.ndarray, samples: int) -> np.ndarray:
    """The highest value of [channels, N] in a block of ``samples`` and the blocks on both sides."""
    blocks = np.pad(values, [(0, 0), (samples, 2 * samples - values.shape[1] % samples)], mode="edge")
    highest = blocks.reshape(len(values), -1, samples).max(axis=-1)
    around = np.maximum(np.maximum(highest[:, :-2], highest[:, 1:-1]), highest[:, 2:])
    return np.repeat(around, samples, axis=-1)[:, : values.shape[1]]
