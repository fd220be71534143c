"""The signal that a vocoder's envelope shapes: spectra with a mean magnitude of 1 everywhere.

Each function returns short-time spectra [B, 2 (mid, side), J, K] of frames cut by `cut_frames` and weighted by a Hann window.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like
from saga_kedro.audio.spectra import add_frames, cut_frames, hann, magnitude, overlap_weight
from saga_kedro.model.blocks import noise_at

NOISE_BLOCK = 65_536  # samples of noise in one draw, so that any part of a long signal can be drawn alone
PERIOD = 16  # blocks after which noise repeats: after 24 s nobody hears it, and it is short enough to keep
KEPT_FRAMES = 256  # frames of smooth noise that are made and kept together
# of `smooth_noise`: 3 halve the deviation of its log magnitudes (5.6 to 2.7 dB); 30 reach 1.7 dB, but LSD falls by 0.02 only
SMOOTHING_STEPS = 3


def white_noise(seeds: Sequence[int], samples: int, first: int = 0) -> np.ndarray:
    """Samples [first, first + samples) of standard normal noise, float32 [B, 2, samples], of one seed an item."""
    return np.stack([noise_at(seed, "excitation", 2, first, samples, NOISE_BLOCK, PERIOD) for seed in seeds])


def noise(seeds: Sequence[int], window: Array, hop: int, samples: int, first: int = 0) -> Array:
    """Gaussian noise. Its magnitudes are Rayleigh, whose mean is sqrt(pi / 4) of the root mean square.

    ``seeds`` has one seed an item; ``window`` [n_fft] is Hann, on the device and in the dtype to work in; ``samples`` of a
    seed's noise from ``first`` on are multiples of ``hop``.
    """
    spectra = _spectra(like(white_noise(seeds, samples, first), window), window, hop)
    return spectra / math.sqrt(math.pi / 4 * float((window * window).sum()))


def smooth_noise(seeds: Sequence[int], window: Array, hop: int, samples: int, first: int = 0) -> Array:
    """As `noise`, with fewer deep holes: set magnitudes to 1, take the signal with the nearest spectra, and repeat.

    (Griffin and Lim, 1984, with a constant as the target.) Gaussian magnitudes scatter more than they must, and under the right
    envelope that scatter is all of the error.
    """
    n_fft, begin, end = window.shape[0], first // hop, (first + samples) // hop
    runs = range(begin // KEPT_FRAMES, -(-end // KEPT_FRAMES))
    period = PERIOD * NOISE_BLOCK // hop // KEPT_FRAMES
    inside = [slice(max(0, begin - run * KEPT_FRAMES), end - run * KEPT_FRAMES) for run in runs]
    made = np.empty((len(seeds), 2, end - begin, n_fft // 2 + 1), np.complex64)
    for item, seed in zip(made, seeds, strict=True):
        parts = [_smooth_run(seed, run % period, n_fft, hop)[:, kept] for run, kept in zip(runs, inside, strict=True)]
        np.concatenate(parts, axis=-2, out=item)
    return like(made, window)


@lru_cache(maxsize=PERIOD)
def _smooth_run(seed: int, run: int, n_fft: int, hop: int) -> np.ndarray:
    """``KEPT_FRAMES`` frames of smooth noise, complex64 [2, KEPT_FRAMES, n_fft / 2 + 1], the same wherever they are used."""
    margin = (SMOOTHING_STEPS + 1) * n_fft // hop  # frames that the steps see beyond both ends
    before = (run * KEPT_FRAMES - margin) % (PERIOD * NOISE_BLOCK // hop)
    white = white_noise([seed], (KEPT_FRAMES + 2 * margin) * hop, before * hop)
    spectra = _smoothed(white, hann(n_fft), hop)[0, :, margin:-margin] / np.float32(_smoothed_level(n_fft, hop))
    return np.ascontiguousarray(spectra)


def _smoothed(signal: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    xp = array_namespace(signal)
    weight = overlap_weight(window, hop, signal.shape[-1] // hop)
    spectra = _spectra(signal, window, hop)
    for _ in range(SMOOTHING_STEPS):
        spectra /= np.maximum(magnitude(spectra), 1e-9)
        signal = add_frames(xp.fft.irfft(spectra, n=len(window)) * window, hop) / weight
        spectra = _spectra(signal, window, hop)
    return spectra


@lru_cache
def _smoothed_level(n_fft: int, hop: int) -> float:
    """Mean magnitude of smoothed noise away from its ends: one constant, so that the parts of a long signal agree."""
    spectra = _smoothed(white_noise([0], 200 * hop), hann(n_fft), hop)
    return float(magnitude(spectra)[..., 20:-20, :].mean())


def _spectra(signal: Array, window: Array, hop: int) -> Array:
    return array_namespace(signal).fft.rfft(cut_frames(signal, window.shape[0], hop) * window)
