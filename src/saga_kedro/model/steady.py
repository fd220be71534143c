"""Steady noise, such as rain or engines, and bursts of it, continue above the cutoff along their own slope.

A network that answers with the mean of what could be is 15 to 40 dB too quiet there, and moves. What is as loud all the time
and Gaussian below the cutoff is the sound itself, and a straight line in dB per octave continues it (docs/bundled_model.md).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.noise_floor import HIGHEST, LOWEST, SMOOTHING_BINS, TOO_QUIET, measure_floor, moving_mean
from saga_kedro.audio.reading import Read
from saga_kedro.audio.spectra import frame_power, frame_view, hann
from saga_kedro.model.blocks import ahead
from saga_kedro.model.noise_floor import BANDS, HERTZ, KNOWN_BELOW, level_of

N_FFT, HOP = 2_048, 1_024
SECOND, BURST = 44, 12  # frames that are judged together, half of them new: 1 s, and 0.28 s for consonants and cymbals
AVERAGED = 5  # windows of a second: the line of one alone moves by half a dB
STRETCH = 528  # frames that are read together, 12 s: a multiple of both steps
GAUSSIAN_DB, FADE_DB = (4.8, 6.0), 0.3
"""The log periodogram of stationary Gaussian noise deviates by 5.57 dB; music, voices and surf by more than 6.3."""
OVER_DB = (3.0, 9.0)  # over the recording's noise floor, which `model.noise_floor` continues; or over what surrounds a burst
BURST_AROUND = 4  # windows, half a second
SLOPE_DB = (-12.0, 1.0)  # per octave
HERTZ_OF_BINS = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)


@dataclass(frozen=True)
class SteadyTrack:
    """Where a clip is steady noise, and its spectrum there."""

    middles: np.ndarray  # [W], the sample in the middle of each window
    share: np.ndarray  # [W, 2 (mid, side)], from 0 (it is something else) to 1
    level_db: np.ndarray  # [W, 2, BANDS], mean power of each band's bins

    def __bool__(self) -> bool:
        return bool(self.share.any())

    def at(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share [n, 2] and level [n, 2, BANDS] at samples [n], interpolated between the middles of windows."""
        place = np.interp(samples, self.middles, np.arange(len(self.middles)))
        left = place.astype(int)
        right, weight = np.minimum(left + 1, len(self.middles) - 1), (place - left)[:, None]
        parts = self.share[left] * (1 - weight), self.share[right] * weight
        level = sum(part[..., None] * self.level_db[at] for part, at in zip(parts, (left, right), strict=True))
        share = parts[0] + parts[1]
        return share, level / np.maximum(share, 1e-9)[..., None]  # where a window has no noise it has no level


def track_steady(read: Read, samples: int, cutoff_hz: float) -> dict[int, SteadyTrack]:
    """Look for steady noise below ``cutoff_hz`` in every ``SECOND`` and ``BURST`` of a clip, and continue it.

    ``read`` gives ranges of float32 [2, samples] at 44.1 kHz. A burst counts where it rises from what is around it.
    """
    frames = max(1, (samples - N_FFT) // HOP + 1)
    counts = {window: max(1, (frames - window) // (window // 2) + 1) for window in (SECOND, BURST)}
    share = {window: np.zeros((count, 2)) for window, count in counts.items()}
    level = {window: np.zeros((count, 2, BANDS)) for window, count in counts.items()}

    def look(first: int) -> None:  # into windows that no other stretch has
        left, right = read(first * HOP, min(samples, (first + STRETCH + SECOND) * HOP + N_FFT))
        for side, audio in enumerate(((left + right) / 2, (left - right) / 2)):
            if len(audio) < N_FFT or not audio.any():
                continue
            power = frame_power(frame_view(audio, N_FFT, HOP) * hann(N_FFT)) / np.square(hann(N_FFT)).sum()
            for window, count in counts.items():
                begin = first // (window // 2)
                some = slice(begin, min(count, begin + STRETCH // (window // 2)))
                least = measure_floor(audio, cutoff_hz) if window == SECOND else None
                found = _judged(power, some.stop - some.start, window, cutoff_hz, least)
                share[window][some, side], level[window][some, side] = found

    list(ahead([partial(look, first) for first in range(0, frames, STRETCH)]))
    weights = np.maximum(_summed(share[SECOND]), 1e-9)[..., None]
    level[SECOND] = _summed(share[SECOND][..., None] * level[SECOND]) / weights
    middles = {window: (np.arange(count) + 1) * (window // 2) * HOP + N_FFT / 2 for window, count in counts.items()}
    return {window: SteadyTrack(middles[window], share[window], level[window]) for window in counts}


def continued(power: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """The spectrum of noise, power [1025], as levels [BANDS] in dB: measured below the cutoff, a line above it.

    The line is a least-squares fit in dB over octaves to the two octaves below 0.88 x cutoff, each octave weighing the same.
    """
    fitted = (cutoff_hz / 4 < HERTZ_OF_BINS) & (KNOWN_BELOW * cutoff_hz > HERTZ_OF_BINS)
    octaves = np.log2(HERTZ_OF_BINS[fitted] / cutoff_hz)
    slope, at_cutoff = np.polyfit(octaves, 10 * np.log10(power[fitted] + 1e-20), 1, w=HERTZ_OF_BINS[fitted] ** -0.5)
    line = at_cutoff + np.clip(slope, *SLOPE_DB) * np.log2(HERTZ / cutoff_hz)
    return np.where(KNOWN_BELOW * cutoff_hz > HERTZ, level_of(power), line)


def _judged(
    power: np.ndarray, count: int, window: int, cutoff_hz: float, floor: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """How far each of ``count`` windows of [frames, 1025] is steady noise, [count], and its spectrum, [count, BANDS]."""
    bins = slice(*(round(part * cutoff_hz * N_FFT / SAMPLE_RATE) for part in (LOWEST, HIGHEST)))
    starts = np.arange(count) * (window // 2)
    totals = np.cumsum(np.pad(power[:, bins].mean(axis=1), (1, 0)))
    here = (totals[np.minimum(starts + window, len(power))] - totals[np.minimum(starts, len(power))]) / window
    if window == BURST:
        around = np.pad(here, BURST_AROUND, mode="edge")
        least = np.lib.stride_tricks.sliding_window_view(around, 2 * BURST_AROUND + 1).min(axis=1)
    else:
        least = np.full(count, 0.0 if floor is None else floor[bins].mean())
    over = np.interp(10 * np.log10((here + 1e-20) / (least + 1e-20)), OVER_DB, (0, 1)) * (here > TOO_QUIET)
    share, level = np.zeros(count), np.zeros((count, BANDS))
    for k in np.flatnonzero(over):
        frames = power[starts[k] : starts[k] + window]
        if len(frames) < window // 2 or not frames.any(axis=1).all():
            continue
        mean = moving_mean(frames.mean(axis=0), SMOOTHING_BINS, axis=0)
        deviation_db = float((10 * np.log10(frames[:, bins] / mean[bins] + 1e-12)).std())
        if GAUSSIAN_DB[0] < deviation_db < GAUSSIAN_DB[1] + FADE_DB:
            share[k] = over[k] * np.interp(deviation_db, (GAUSSIAN_DB[1], GAUSSIAN_DB[1] + FADE_DB), (1, 0))
            level[k] = continued(mean, cutoff_hz)
    return share, level


def _summed(values: np.ndarray) -> np.ndarray:
    """The sum over the ``AVERAGED`` windows around each of [windows, ...]."""
    half = AVERAGED // 2
    padded = np.pad(values, [(half, half), *[(0, 0)] * (values.ndim - 1)])
    return np.sum([padded[k : k + len(values)] for k in range(AVERAGED)], axis=0)
