"""Distances between an estimate and its reference, item by item: float [channels, samples] at 44.1 kHz, of one length.

LSD is in log10 of power (an untouched 4 kHz input scores about 3), SI-SDR, SNR and SDR are in dB. A function gives NaN, a
missing value, where its formula is undefined: a silent reference, or an estimate that is not finite.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.resample import resample
from saga_kedro.audio.spectra import frame_view, hann

if TYPE_CHECKING:
    import torch
    from visqol import VisqolApi

N_FFT = 2_048
HOP = 441
EPSILON = 1e-12
LSD_FRAMES = {"": (N_FFT, HOP, SAMPLE_RATE), "frames 2048/512": (2_048, 512, SAMPLE_RATE)}
LSD_FRAMES |= {"frames 1024/256": (1_024, 256, SAMPLE_RATE), "frames 2048/512 at 48 kHz": (2_048, 512, 48_000)}
LSD_FLOORS = {"": EPSILON, "a floor of 1e-8 under the power": 1e-8, "a floor of 1e-6 under the power": 1e-6}
LSD_UNITS = {"": 1.0, "in dB": 10.0, "with the natural logarithm": np.log(10), "of amplitude": 0.5}
LSD_UNITS |= {"of amplitude, with the natural logarithm": np.log(10) / 2}
"""How others compute LSD: window and hop at a rate, the smallest power, what multiplies log10 of power. First, ours."""


def lsd(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Log-spectral distance, 0 upward, as ssr_eval computes it, and so the paper (ssr_eval/metrics.py, AudioMetrics.lsd).

    LSD = mean over frames of sqrt( mean over bins of ( log10( S^2 / (S_hat + 1e-12)^2 + 1e-12 ) )^2 ), with S and S_hat the
    STFT magnitudes of reference and estimate (Hann 2,048, hop 441, centred, zero-padded) of the mono mix. A frame whose
    reference is digital silence scores 12 even where the estimate is perfect: see `lsd_family`.
    """
    return float(_rms_over_bins(_log_ratio(reference, estimate)[0]).mean())


def lsd_family(reference: np.ndarray, estimate: np.ndarray, cutoff_hz: float) -> dict[str, float]:
    """``LSD``, and over frames whose reference sounds ``LSD_sounding``, ``LSD_below`` and ``LSD_above`` a cutoff.

    The first bin at or above the cutoff belongs to ``LSD_above``. NaN without a frame or a bin. With n of N bins above, N LSD^2
    = n above^2 + (N - n) below^2 holds in each frame.
    """
    difference, sounding = _log_ratio(reference, estimate)
    first = int(np.ceil(cutoff_hz * N_FFT / SAMPLE_RATE))
    whole = _rms_over_bins(difference)
    bands = {"LSD_below": difference[:, :first], "LSD_above": difference[:, first:]}
    values = {name: _mean(_rms_over_bins(band)[sounding]) if band.shape[1] else float("nan") for name, band in bands.items()}
    return {"LSD": float(whole.mean()), "LSD_sounding": _mean(whole[sounding]), **values}


def gain_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Level of the estimate over the reference's in the lowest tenth of the bins, 0 to 2.2 kHz, of the mono mix: dB."""
    _check(reference, estimate)
    energies = [float(np.square(_magnitude(audio)[:, : N_FFT // 20]).sum()) for audio in (estimate, reference)]
    return 10 * float(np.log10(energies[0] / energies[1])) if min(energies) > 0 else float("nan")


def lsd_scaled(reference: np.ndarray, estimate: np.ndarray) -> float:
    """`lsd` of the estimate at the reference's level by `gain_db`: a louder or softer copy scores as the copy does."""
    return lsd(reference, estimate * np.float32(10 ** (-gain_db(reference, estimate) / 20)))


def lsd_variants(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """LSD as other code computes it, by what differs from `lsd`, whose own name is empty: each of ``LSD_FRAMES``,
    ``LSD_FLOORS`` (AP-BWE clamps the power at 1e-8) and ``LSD_UNITS``."""
    _check(reference, estimate)
    found = {}
    for frames, (n_fft, hop, rate) in LSD_FRAMES.items():
        s, s_hat = (_magnitude(resample(audio, SAMPLE_RATE, rate), n_fft, hop) for audio in (reference, estimate))
        for floor, least in LSD_FLOORS.items():
            clamped = np.maximum(s**2, least) / np.maximum(s_hat**2, least)
            ratio = np.log10(clamped if floor else s**2 / (s_hat + least) ** 2 + least)
            for unit, factor in LSD_UNITS.items():
                name = ", ".join(filter(None, (unit, frames, floor)))
                found[name] = float(factor * _rms_over_bins(ratio).mean())
    return found


def lsd_by_frequency(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and for each sqrt( mean over sounding frames of ( log10 power ratio )^2 ) of the mono mix: [1025]."""
    difference, sounding = _log_ratio(reference, estimate)
    frequencies = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    if not sounding.any():
        return frequencies, np.full(len(frequencies), np.nan)
    return frequencies, np.sqrt((difference[sounding] ** 2).mean(axis=0))


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio (Le Roux et al. 2019, "SDR - half-baked or well done?"; torchmetrics).

    SI-SDR = 10 log10 |a s|^2 / |a s - s_hat|^2, a = <s_hat, s> / |s|^2, per channel, then the mean over the channels whose
    reference is not silent: dB, higher is better; an unrelated white estimate of 262,144 samples scores -59 on average.
    """
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

    return _over_channels(scale_invariant_signal_distortion_ratio, reference, estimate)


def snr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Signal-to-noise ratio: 10 log10 |s|^2 / |s - s_hat|^2 per channel, then the mean over channels as for ``si_sdr``: dB."""
    from torchmetrics.functional.audio import signal_noise_ratio

    return _over_channels(signal_noise_ratio, reference, estimate)


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Signal-to-distortion ratio as BSS-eval version 3 (Vincent et al. 2006; torchmetrics, after fast-bss-eval).

    SDR = 10 log10 |h * s|^2 / |h * s - s_hat|^2 with h the filter of 512 taps that makes it largest, so linear changes of the
    reference (delay, equalisation) are forgiven. Averaged as ``si_sdr``: dB, infinite for a perfect estimate, minus infinity
    for a silent one, and at least ``si_sdr`` but for rounding.
    """
    from torchmetrics.functional.audio import signal_distortion_ratio

    value = _over_channels(signal_distortion_ratio, reference, estimate)
    # the distortion of a perfect estimate can round to less than nothing
    perfect = np.isnan(value) and reference.any() and np.isfinite(estimate).all()
    return float("inf") if perfect else value


def log_wmse(reference: np.ndarray, estimate: np.ndarray) -> float:
    """logWMSE (Nomono 2023; the package torch-log-wmse) at 44.1 kHz: -4 ln( |w * (s_hat - s)|^2 / |w * s|^2 + 1e-8 ).

    w is the ear's sensitivity by frequency. Per channel, then the mean as for ``si_sdr``: 73.7 for a perfect estimate, 0 where
    the error is as loud as the reference, which is taken as the unprocessed input. Higher is better.
    """
    from torch_log_wmse import LogWMSE

    score = LogWMSE(sample_rate=SAMPLE_RATE)  # of [batch, channel, time] and [batch, channel, stem, time]
    return _over_channels(lambda e, r: score(r[:, None], e[:, None, None], r[:, None, None]), reference, estimate)


def visqol(reference: np.ndarray, estimate: np.ndarray, mode: Literal["audio", "speech"] = "audio") -> float:
    """ViSQOL's opinion score (Chinen et al. 2020, ViSQOL v3; the package visqol-python) of the mono mix, from 1 (bad) to 5.

    ``audio`` compares at 48 kHz with the package's SVR (identical signals score 4.73); ``speech`` compares at 16 kHz, deaf
    above 8 kHz, with the polynomial. NaN where ViSQOL refuses the pair, such as a silent or too short one. Of 60 pairs, 53
    scored within 0.001 of Google's own library (3.3.3, ``audio``), the others up to 0.043 less or 0.007 more.
    """
    if mode not in ("audio", "speech"):
        raise ValueError(f"ViSQOL has the modes audio and speech, not {mode!r}.")
    rate = 48_000 if mode == "audio" else 16_000
    measure = _visqol_api(mode).measure_from_arrays
    return _opinion(lambda target, guess: measure(target, guess, rate).moslqo, reference, estimate, rate)


def two_f(reference: np.ndarray, estimate: np.ndarray) -> float:
    """The 2f-model's mean MUSHRA score (Kastner and Herre 2019; the package seabass-2f) of the mono mix at 48 kHz.

    0 (bad) to 100, higher is better, from two of PEAQ's variables; fitted to separated sources. NaN as for ``visqol``.
    """
    import numba

    # compiled, the first score of each process takes minutes; the values are the same
    numba.config.DISABLE_JIT = True  # type: ignore[attr-defined]
    from seabass.core.models.mms import estimated_mean_mushra_score

    numba.config.DISABLE_JIT = False  # type: ignore[attr-defined]
    return _opinion(lambda target, guess: estimated_mean_mushra_score(guess, target), reference, estimate, 48_000)


def dnsmos(reference: np.ndarray, estimate: np.ndarray) -> float:
    """DNSMOS P.835, overall (Reddy et al. 2022; the package speechmos), of the mono estimate at 16 kHz, from 1 (bad) to 5.

    A network's guess at listeners' opinion of speech, without a look at the reference and deaf above 8 kHz: it tells whether
    a voice came to harm, not what was added. Sounds under 9 s are repeated. NaN where either sound is silent.
    """
    from speechmos import dnsmos as package

    return _opinion(lambda _, guess: package.run(np.clip(guess, -1, 1), 16_000)["ovrl_mos"], reference, estimate, 16_000)


def _opinion(score: Callable[..., float], reference: np.ndarray, estimate: np.ndarray, rate: int) -> float:
    """A score of both mono mixes, float64 [samples] at ``rate``; NaN where it refuses them, one is silent or not finite."""
    _check(reference, estimate)
    if not (reference.any() and estimate.any() and np.isfinite(estimate).all()):
        return float("nan")
    target, guess = (resample(_mono(audio), SAMPLE_RATE, rate)[0].astype(np.float64) for audio in (reference, estimate))
    try:
        return float(score(target, guess))
    except ValueError:
        return float("nan")


@lru_cache(maxsize=2)
def _visqol_api(mode: str) -> VisqolApi:
    from visqol import VisqolApi

    api = VisqolApi()
    # the polynomial whatever is installed: a score must not depend on it
    api.create(mode=mode, use_lattice_model=False)
    return api


def _log_ratio(reference: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log10(S^2 / (S_hat + eps)^2 + eps) of the mono mix, float64 [frames, 1025], and which frames' reference sounds."""
    _check(reference, estimate)
    s, s_hat = _magnitude(reference), _magnitude(estimate)
    return np.log10(s**2 / (s_hat + EPSILON) ** 2 + EPSILON), s.any(axis=-1)


def _magnitude(audio: np.ndarray, n_fft: int = N_FFT, hop: int = HOP) -> np.ndarray:
    # as librosa: windowed in single precision, transformed in double
    frames = frame_view(np.pad(_mono(audio)[0], n_fft // 2), n_fft, hop)
    return np.abs(np.fft.rfft(frames * hann(n_fft)))


def _rms_over_bins(difference: np.ndarray) -> np.ndarray:
    return np.sqrt((difference**2).mean(axis=-1))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _mono(audio: np.ndarray) -> np.ndarray:
    return audio.mean(axis=0, keepdims=True, dtype=np.float32)


def _over_channels(metric: Callable[..., torch.Tensor], reference: np.ndarray, estimate: np.ndarray) -> float:
    import torch

    _check(reference, estimate)
    sounding = reference.any(axis=-1)
    if not sounding.any():
        return float("nan")
    target, guess = (
        torch.from_numpy(np.ascontiguousarray(audio[sounding], dtype=np.float64)) for audio in (reference, estimate)
    )
    return float(metric(guess, target).mean())


def _check(reference: np.ndarray, estimate: np.ndarray) -> None:
    if reference.ndim != 2 or reference.shape != estimate.shape or reference.shape[-1] == 0:
        raise ValueError(
            f"Reference {reference.shape} and estimate {estimate.shape} must both be [channels, samples] of the same, "
            "not empty, shape."
        )
