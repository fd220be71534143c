"""Up to which frequency a clip carries signal."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from saga_kedro.audio import FULL_BAND_HZ, SAMPLE_RATE
from saga_kedro.audio.reading import Read, from_array
from saga_kedro.audio.spectra import frame_power, hann

N_FFT = 2_048
HOP = 512
MOST_FRAMES = 4_096  # 48 s at 44.1 kHz without overlap lost; longer clips are looked at in as many frames, evenly spread
SLOPE_FRAMES = 1_024  # enough for a mean
RANGE_DB = 80.0

# measure_bandwidth
LOWEST_HZ = 1_700.0  # what falls off below that is a dark sound, not a low-pass
AUDIBLE_DB = 90.0
# An edge this deep is one; a shallower one only where no sound is above it: sounds fall off without a filter, too.
EDGE_DB = 20.0
SHALLOW_EDGE_DB = 12.0
NOTHING_DB = 60.0  # under the loudest bin
STEADY_DB = 12.0  # between the 25th and 99th percentile of a band's level over time: noise, not sound
# A frame is loud within this of the loudest. Where half of the loud frames end below this part of the edge, it is ragged.
LOUD_DB = 20.0
RAGGED = 0.85
CLIFF_BINS = 9
LINE_BINS, LINE_DB, LINES, UNCHANGED_DB = 21, 10.0, 0.99, 0.5
"""Lines lie 10 dB over the median around them. Tones have 99 % of the power in lines, and the same power in every frame."""
CLIPPED = 0.999
# what C's low-pass leaves (Chebyshev, order 8, on white noise): frequency over cutoff, dB
RESPONSE = np.array(
    [
        *[(0.85, -0.1), (0.9, -1.5), (0.925, -2.9), (0.95, -5.0), (0.975, -7.2), (1.0, -9.2), (1.025, -11.8), (1.05, -14.5)],
        *[(1.075, -18.2), (1.1, -23.4), (1.125, -30.7), (1.15, -43.5), (1.175, -57.4), (1.2, -55.5), (1.25, -57.0)],
    ]
)

# what resamplers and the encoders of lossy codecs leave: a wall
WALL = np.array([(0.97, 0.0), (0.985, -1.0), (1.0, -9.2), (1.02, -40.0), (1.04, -70.0)])


@dataclass(frozen=True)
class Bandwidth:
    """Up to where a clip carries signal, and how that ends.

    ``cutoff_hz`` is half the rate for ``full``, 0 for ``silent``. ``full``: no edge, or above 17 kHz; ``edge``: where a
    low-pass or a resampler cut; ``ragged``: an edge that moves from frame to frame, as lossy codecs leave it; ``nothing``: no
    edge, but all above lies 90 dB under the loudest; ``dark``: the same below 1.7 kHz, where a low-pass is unlikely; ``tones``:
    single lines, which no low-pass cut.
    """

    cutoff_hz: float
    ends: Literal["silent", "full", "edge", "ragged", "nothing", "dark", "tones"]


def own_bandwidth(audio: np.ndarray, rate: int) -> float:
    """The highest bin whose 95th percentile over sounding frames lies within 80 dB of the loudest bin's: Hz, 0 for silence."""
    power = frame_powers(from_array(audio), audio.shape[-1])
    if not len(power):
        return 0.0
    loud = np.percentile(power, 95, axis=0)
    return float(np.flatnonzero(loud >= loud.max() * 10 ** (-RANGE_DB / 10))[-1] * rate / N_FFT)


def measure_cutoff(audio: np.ndarray, rate: int) -> float:
    """`measure_bandwidth` of an array [channels, samples]: Hz, in [0, rate / 2]."""
    bandwidth = measure_bandwidth(frame_powers(from_array(audio), audio.shape[-1], without_clipping=True), rate)
    return rate / 2 if bandwidth.ends == "dark" else bandwidth.cutoff_hz


def measure_bandwidth(power: np.ndarray, rate: int) -> Bandwidth:
    """Where a clip stops carrying signal: the nominal cutoff of its low-pass. ``power`` is `frame_powers`' without clipped
    frames.

    At an edge f the spectrum of the loud frames falls by at least 20 dB between [0.80, 0.94] f and [1.13, 1.30] f, and stays
    down; levels over 90 dB under the loudest count as equal. 12 dB are enough where steady noise, or less than -60 dB, lies
    above. The highest edge above 1.7 kHz counts. The cutoff is the bin near it at which the response of C's low-pass
    (``lowpass.low_pass``), or a wall, between the levels of the bands below and above looks most like the spectrum. A lossy
    codec's edge moves: where half of the loud frames end in a cliff of 12 dB below 0.85 of the edge, their median end is the
    cutoff.

    On 16 real clips, orders of 8, 4 to 12 kHz, in floats and 30 dB under full scale in 16 bit: within 10 % in 83 of 100 for
    Chebyshev, Butterworth and elliptic filters; 14 % low for Bessel's, which fall gently.
    """
    if not len(power):
        return Bandwidth(0.0, "silent")
    level = 10 * np.log10(np.percentile(power, 99, axis=0) + 1e-20)
    loud = np.flatnonzero(level > level.max() - AUDIBLE_DB)
    if _are_tones(power):
        return Bandwidth(float(loud[-1] * rate / N_FFT), "tones")
    level = _running_median(np.maximum(level, level.max() - AUDIBLE_DB)[None], 5)[0]

    edge = _highest_edge(level, power, first=int(LOWEST_HZ * N_FFT / rate))
    if edge is None:
        top = float(loud[-1] * rate / N_FFT)
        if top >= min(FULL_BAND_HZ, 0.45 * rate):
            return Bandwidth(rate / 2, "full")
        return Bandwidth(top, "nothing" if top >= LOWEST_HZ else "dark")
    candidates = np.arange(int(0.8 * edge), min(int(1.2 * edge) + 1, int(len(level) / 1.15)))
    cutoff = min((_misfit(level, k, response), int(k)) for response in (RESPONSE, WALL) for k in candidates)[1]
    median = _median_end(power, level, edge, cutoff)
    if median < RAGGED * cutoff:
        return Bandwidth(median * rate / N_FFT, "ragged")
    if cutoff * rate / N_FFT >= FULL_BAND_HZ:
        return Bandwidth(rate / 2, "full")
    return Bandwidth(cutoff * rate / N_FFT, "edge")


def slope_below(read: Read, samples: int, cutoff_hz: float) -> float:
    """dB per octave: a line through the loud frames' spectrum from a quarter of a cutoff to 0.9 of it; -inf for silence."""
    edges = np.append(cutoff_hz / 4 * 2 ** np.arange(0, np.log2(3.6), 1 / 6), 0.9 * cutoff_hz)
    bins = np.ceil(edges * N_FFT / SAMPLE_RATE).astype(int)
    power = frame_powers(read, samples, most=SLOPE_FRAMES)[:, : bins[-1]]
    total = power.sum(axis=1)
    if not total.any():
        return -np.inf
    loud = power[total >= total.max() * 10 ** (-LOUD_DB / 10)].mean(axis=0)
    level = [10 * np.log10(loud[low:high].mean() + 1e-14) for low, high in pairwise(bins)]
    return float(np.polyfit(np.log2(edges[:-1] * edges[1:]) / 2, level, 1)[0])


def frame_powers(read: Read, samples: int, without_clipping: bool = False, most: int = MOST_FRAMES) -> np.ndarray:
    """Power of each sounding frame, averaged over channels: float32 [frames, 1025]; no frames for silence.

    ``without_clipping`` leaves out frames with clipped samples, whose upper band is distortion, unless hardly any are left.
    """
    starts = np.arange(0, max(1, samples - N_FFT + 1), HOP)
    if len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).astype(int)]
    window = hann(N_FFT)
    power, peaks = [], []
    # frames near each other are read together
    for group in np.split(starts, np.flatnonzero(np.diff(starts) > N_FFT) + 1):
        for first in range(0, len(group), 64):
            together = group[first : first + 64]
            audio = read(int(together[0]), min(samples, int(together[-1]) + N_FFT)).astype(np.float32, copy=False)
            audio = np.pad(audio, ((0, 0), (0, max(0, int(together[-1] - together[0]) + N_FFT - audio.shape[-1]))))
            frames = np.stack([audio[:, k : k + N_FFT] for k in together - together[0]], axis=1)
            peak = np.abs(frames).max(axis=(0, 2), initial=0)
            sounding = peak > 0
            if sounding.any():
                power.append(frame_power(frames[:, sounding] * window).mean(axis=0))
                peaks.append(peak[sounding])
    if not power:
        return np.zeros((0, N_FFT // 2 + 1), np.float32)
    every, whole = np.concatenate(power), np.concatenate(peaks) < CLIPPED
    return every[whole] if without_clipping and whole.mean() > 0.1 else every


def _highest_edge(level: np.ndarray, power: np.ndarray, first: int) -> int | None:
    """The bin in the middle of the highest edge at or above bin ``first``; None if there is none."""
    fall, above = np.zeros(len(level)), np.zeros(len(level))
    for k in range(first, int(len(level) / 1.15)):
        under = _quantile(level[int(0.80 * k) : int(0.94 * k) + 1], 0.5)
        above[k] = max(_quantile(level[int(1.13 * k) : int(1.30 * k) + 1], 0.5), _quantile(level[int(1.13 * k) :], 0.95))
        fall[k] = under - above[k]
    # what the resampling filter leaves beyond a deep edge has small edges, too
    falls = np.pad(fall >= max(SHALLOW_EDGE_DB, fall.max() / 3), 1).astype(np.int8)
    runs = np.flatnonzero(np.diff(falls)).reshape(-1, 2)  # first bin and the one behind the last
    for begin, end in runs[::-1]:
        edge = int(begin + np.argmax(fall[begin:end]))
        if fall[edge] >= EDGE_DB or above[edge] <= level.max() - NOTHING_DB or _steady(power[:, int(1.13 * edge) :]):
            return edge
    return None


def _running_median(values: np.ndarray, size: int) -> np.ndarray:
    """The median of an odd number of bins around each of [frames, bins]; the outermost continue beyond the ends."""
    half, bins = size // 2, values.shape[-1]
    medians = np.empty_like(values)
    for first in range(0, len(values), 32):  # few enough to stay in the cache: all together take thrice the time
        padded = np.pad(values[first : first + 32], ((0, 0), (half, half)), mode="edge")
        ranked = [padded[:, k : k + bins].copy() for k in range(size)]
        for rank in range(size - 1, half - 1, -1):  # the largest of those left goes to its place
            for k in range(rank):
                lower = np.minimum(ranked[k], ranked[k + 1])
                np.maximum(ranked[k], ranked[k + 1], out=ranked[k + 1])
                ranked[k] = lower
        medians[first : first + 32] = ranked[half]
    return medians


def _quantile(values: np.ndarray, share: float) -> float:
    # a tenth of the time of np.percentile, which is called for thousands of short slices
    return float(np.sort(values)[int(share * (len(values) - 1))])


def _steady(power: np.ndarray) -> bool:
    """Whether this band holds noise that does not follow the sound."""
    width = min(16, power.shape[1])
    bands = power[:, : power.shape[1] // width * width].reshape(len(power), -1, width).mean(axis=-1)
    level = 10 * np.log10(bands + 1e-20)
    return float(np.median(np.percentile(level, 99, axis=0) - np.percentile(level, 25, axis=0))) <= STEADY_DB


def _are_tones(power: np.ndarray) -> bool:
    """Whether frames hold nothing but lines that never change, as no recording does."""
    total = power.sum(axis=1)
    if float((10 * np.log10(total + 1e-20)).std()) > UNCHANGED_DB:
        return False
    mean = power.mean(axis=0)
    lines = mean > _running_median(mean[None], LINE_BINS)[0] * 10 ** (LINE_DB / 10)
    return float(mean[lines].sum()) > LINES * float(mean.sum())


def _median_end(power: np.ndarray, level: np.ndarray, edge: int, cutoff: int) -> float:
    """The bin at which half of the loud frames end: at their own cliff under the edge, which a codec leaves, or else at the
    cutoff."""
    loudness = 10 * np.log10(power[:, : edge + 1].sum(axis=-1) + 1e-20)
    loud = 10 * np.log10(power[loudness >= loudness.max() - LOUD_DB, : int(1.13 * edge)] + 1e-20)
    # a codec's windows leak into what it dropped
    nothing = np.maximum(level[int(1.13 * edge) :].max(), loud.max(axis=1, keepdims=True) - NOTHING_DB)
    smooth = np.maximum(_running_median(loud, CLIFF_BINS), nothing)
    ends = smooth.shape[1] - 1 - np.argmax(smooth[:, ::-1] > nothing, axis=1)
    columns = np.arange(CLIFF_BINS)
    under = np.take_along_axis(smooth, np.clip(ends[:, None] - CLIFF_BINS - columns, 0, None), axis=1).mean(axis=1)
    return float(np.median(np.where(under - nothing[:, 0] >= SHALLOW_EDGE_DB, np.minimum(ends, cutoff), cutoff)))


def _misfit(level: np.ndarray, cutoff: int, response: np.ndarray) -> float:
    """How much the spectrum around that bin differs from a low-pass: mean distance in dB, over the height of the step."""
    around = np.arange(int(0.75 * cutoff), min(int(1.22 * cutoff) + 1, len(level)))
    under = _quantile(level[int(0.75 * cutoff) : int(0.88 * cutoff) + 1], 0.5)
    over = _quantile(level[min(int(1.2 * cutoff), len(level) - 8) : int(1.4 * cutoff) + 1], 0.5)
    expected = np.maximum(under + np.interp(around / cutoff, response[:, 0], response[:, 1]), over)
    return float(np.abs(level[around] - expected).mean() / max(under - over, 1.0))
