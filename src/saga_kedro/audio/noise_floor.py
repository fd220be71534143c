"""The stationary noise under a recording, from its microphone, preamplifier and room. Where voices and notes pause its spectrum
can be measured, and noise can be distinguished from a quiet sound."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.spectra import frame_power, frame_view, hann

N_FFT = 2_048
HOP = 512
QUIET_SHARE = 0.1
LEAST_FRAMES = 12
MOST_FRAMES = 1_000  # of longer audio so many are looked at, evenly spread
# The log periodogram of stationary Gaussian noise deviates by pi / sqrt(6) nepers of power, 5.57 dB, whatever its level and
# colour. The quietest tenth of the frames deviates a little less; a tenth that holds a sound, more.
DEVIATION_DB = (5.0, 6.0)
BENEATH_DB = 15.0
"""The loud frames lie so far above a floor; what is as loud as everything else is the sound itself, such as rain."""
LOWEST, HIGHEST = 0.375, 0.9
"""The test looks at this part of the band below the cutoff: above the hum of rooms, under the slope of a low-pass."""
SMOOTHING_BINS = 9
HUM_HZ = 200.0
TOO_QUIET = 1e-10
"""-100 dB: the rounding of 16 bits, which is a file's and no recording's."""
LEAST_GAIN = 0.1
OVERSUBTRACTION = 1.5


def measure_floor(audio: np.ndarray, cutoff_hz: float) -> np.ndarray | None:
    """The mean spectrum of a recording's stationary noise, if any, float32 [1025]: 1 for white noise of unit variance.

    The quietest tenth of the frames is a floor where, in [0.375, 0.9] x cutoff, the ratio of their power to its smoothed mean
    deviates as Gaussian noise does, and the loudest twentieth of all frames lies 15 dB above. ``audio`` [samples] is at 44.1
    kHz; digital silence does not count.
    """
    if len(audio) < N_FFT:
        return None
    step = HOP * max(1, round((len(audio) - N_FFT) / HOP / MOST_FRAMES))
    frames = frame_view(audio, N_FFT, step)
    frames = frames[np.abs(frames).max(axis=-1) > 2.0**-24]
    if len(frames) < 2 * LEAST_FRAMES:
        return None
    window = hann(N_FFT)
    power = frame_power(frames * window) / np.square(window).sum()
    first, top = (round(hertz * N_FFT / SAMPLE_RATE) for hertz in (HUM_HZ, HIGHEST * cutoff_hz))
    bins = slice(round(LOWEST * cutoff_hz * N_FFT / SAMPLE_RATE), top)
    # in units of each bin's own quiet level, so that a low voice is as loud as a bright one
    usual = np.quantile(power[:, first:top], QUIET_SHARE, axis=0) + 1e-20
    level = (power[:, first:top] / usual).mean(axis=-1)
    quiet = power[np.argsort(level, kind="stable")[: max(LEAST_FRAMES, int(QUIET_SHARE * len(level)))]]
    mean = moving_mean(quiet.mean(axis=0), SMOOTHING_BINS, axis=0)
    here = float(mean[bins].mean())
    loud = np.quantile(power[:, bins].mean(axis=-1), 0.95)
    if here < TOO_QUIET or loud < here * 10 ** (BENEATH_DB / 10):
        return None
    deviation_db = float((10 * np.log10(quiet[:, bins] / mean[bins] + 1e-12)).std())
    return mean.astype(np.float32) if DEVIATION_DB[0] <= deviation_db <= DEVIATION_DB[1] else None


def without_floor(audio: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """A recording whose noise is lowered by up to 20 dB where nothing sounds (Boll, 1979, spectral subtraction).

    A bin gets the gain sqrt(1 - 1.5 floor / power), at least 0.1; the power is the mean over 5 bins and 3 frames.
    """
    padded = np.pad(audio, (N_FFT, N_FFT + -len(audio) % HOP))
    window = np.sqrt(np.hanning(N_FFT + 1)[:-1]).astype(np.float32)
    frames = frame_view(padded, N_FFT, HOP) * window
    spectra = np.fft.rfft(frames, axis=-1).astype(np.complex64, copy=False)  # before NumPy 2 in double precision
    power = moving_mean(moving_mean(np.abs(spectra) ** 2 / np.square(window).sum(), 3, axis=0), 5, axis=1)
    spectra *= np.sqrt(np.maximum(1 - OVERSUBTRACTION * floor / np.maximum(power, 1e-20), LEAST_GAIN**2))
    parts = np.fft.irfft(spectra, axis=-1) * window
    total = np.zeros(len(padded), np.float32)
    for offset in range(N_FFT // HOP):  # frames that lie side by side are added together
        some = parts[offset :: N_FFT // HOP].reshape(-1)
        total[offset * HOP : offset * HOP + len(some)] += some
    return total[N_FFT : N_FFT + len(audio)] / (N_FFT / HOP / 2)


def moving_mean(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    """The mean of an odd number of values around each along an axis; the outermost continue beyond the ends."""
    half = size // 2
    padded = np.pad(values, [(half, half) if k == axis else (0, 0) for k in range(values.ndim)], mode="edge")
    rows = np.moveaxis(padded, axis, 0)
    total = sum(rows[k : k + values.shape[axis]] for k in range(size))
    return np.moveaxis(np.asarray(total) / size, 0, axis)
