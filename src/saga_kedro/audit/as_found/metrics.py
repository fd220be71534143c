"""The failing code's way of measuring a validation batch."""

import math
from collections.abc import Sequence

import numpy as np

from saga_kedro.audio import metrics

HOP = 512
EPSILON = 1e-8
BATCH = 4
SHIFT = 1_858
"""int(44,100 x 5.94) = 261,954 samples go in and 127 latents of 2,048 samples, 260,096, come out: so many are missing."""


def flattened(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray], shift: int = SHIFT) -> np.ndarray:
    """A batch of [C, N] as one signal, [2, M]: mono reference and estimate, every item cut to the shortest reference.

    Each estimate lacks its last ``shift`` samples, so item k lies k ``shift`` samples early.
    """
    shortest = min(audio.shape[1] for audio in references)
    reference = np.concatenate([audio[:, :shortest].mean(axis=0) for audio in references])
    estimate = np.concatenate([audio[:, : shortest - shift].mean(axis=0) for audio in estimates])
    return np.stack([reference[: len(estimate)], estimate]).astype(np.float32)


def lsd_in_decibels(reference: np.ndarray, estimate: np.ndarray) -> float:
    """20 sqrt( mean over all bins and frames of (log10 |S| - log10 |S_hat|)^2 ) in dB, of [N] signals (Hann 2,048 / 512).

    About ten times the paper's LSD, 2 |log10 magnitude|. The mean over frames is inside the root, so large errors weigh more.
    """
    levels = [np.log10(_magnitude(audio) + EPSILON) for audio in (reference, estimate)]
    return float(20 * np.sqrt(np.mean((levels[0] - levels[1]) ** 2)))


def si_sdr_centred(reference: np.ndarray, estimate: np.ndarray) -> float:
    """SI-SDR in dB of [N] signals less their means, 1e-8 added to both denominators.

    A silent reference gives minus infinity, a perfect estimate about 10 log10 of 1e8 times the energy.
    """
    s, s_hat = (audio.astype(np.float64) - audio.mean(dtype=np.float64) for audio in (reference, estimate))
    target = (s_hat @ s) / (s @ s + EPSILON) * s
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(target @ target / (np.square(s_hat - target).sum() + EPSILON)))


def reported(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """LSD and SDR of a validation set of [C, N] signals, by ``audit.measure``'s names for the two ways to report each.

    LSD in ``log10`` per item (the paper's) or in ``decibel`` of flattened batches of four; SDR ``per_item``, or ``flattened``.
    """
    pairs = list(zip(references, estimates, strict=True))
    decibels = _mean([lsd_in_decibels(*batch) for batch in _batches(references, estimates)])
    by_item = _mean([metrics.si_sdr(r, e) for r, e in pairs])
    return {
        "LSD": {"log10": _mean([metrics.lsd(r, e) for r, e in pairs]), "decibel": decibels},
        "SDR": {"per_item": by_item, "flattened": flattened_sdr(references, estimates)},
    }


def flattened_sdr(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> float:
    """Mean SI-SDR in dB of flattened, shifted batches of four."""
    return _mean([si_sdr_centred(*batch) for batch in _batches(references, estimates)])


def _batches(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> list[np.ndarray]:
    starts = range(0, len(references), BATCH)
    return [flattened(references[start : start + BATCH], estimates[start : start + BATCH]) for start in starts]


def _magnitude(audio: np.ndarray) -> np.ndarray:
    padded = np.pad(audio.astype(np.float32), metrics.N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, metrics.N_FFT)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hanning(metrics.N_FFT + 1)[:-1].astype(np.float32)))


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
