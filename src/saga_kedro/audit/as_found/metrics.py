"""The failing code's way of measuring a validation batch."""

from __future__ import annotations

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
    """A batch of [C, N] of equal length as one signal, [2, M]: mono reference and estimate, cut to the shorter of the two.

    Each estimate lacks its last ``shift`` samples, so item k lies k ``shift`` samples early.
    """
    reference = np.concatenate([audio.mean(axis=0) for audio in references])
    estimate = np.concatenate([audio.mean(axis=0)[: audio.shape[1] - shift] for audio in estimates])
    return np.stack([reference[: len(estimate)], estimate]).astype(np.float32)


def lsd_in_decibels(reference: np.ndarray, estimate: np.ndarray) -> float:
    """20 sqrt( mean over all bins and frames of (log10 |S| - log10 |S_hat|)^2 ), dB (Hann 2,048 / 512, centred, reflected).

    Of [N] and [N]. About ten times the paper's LSD, which is in log10 of power: 20 |log10 magnitude| against 2 |log10
    magnitude|. The mean over frames is inside the root, so loud disagreements weigh more.
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


def reported(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray], lsd: str, sdr: str) -> dict[str, float]:
    """LSD and SDR as one of the two codes would report them for a validation set of [C, N] signals.

    ``lsd`` is ``log10`` (per item, the paper's) or ``decibel`` (of flattened batches of four); ``sdr`` is ``per_item`` (SI-SDR)
    or ``flattened`` (SI-SDR of flattened, shifted batches of four); ValueError otherwise.
    """
    if lsd not in ("log10", "decibel") or sdr not in ("per_item", "flattened"):
        raise ValueError(f"audit.measure: lsd is log10 or decibel, sdr per_item or flattened, not {lsd!r} and {sdr!r}.")
    pairs = list(zip(references, estimates, strict=True))
    batches = [flattened(*_batch(pairs[start : start + BATCH])) for start in range(0, len(pairs), BATCH)]
    values = {
        "LSD": [metrics.lsd(r, e) for r, e in pairs] if lsd == "log10" else [lsd_in_decibels(*batch) for batch in batches],
        "SDR": [metrics.si_sdr(r, e) for r, e in pairs] if sdr == "per_item" else [si_sdr_centred(*batch) for batch in batches],
    }
    return {name: _mean(found) for name, found in values.items()}


def _batch(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    shortest = min(reference.shape[1] for reference, _ in pairs)
    return [reference[:, :shortest] for reference, _ in pairs], [estimate[:, :shortest] for _, estimate in pairs]


def _magnitude(audio: np.ndarray) -> np.ndarray:
    padded = np.pad(audio.astype(np.float32), metrics.N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, metrics.N_FFT)[::HOP]
    return np.abs(np.fft.rfft(frames * np.hanning(metrics.N_FFT + 1)[:-1].astype(np.float32)))


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
