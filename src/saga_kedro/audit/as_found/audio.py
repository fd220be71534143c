"""The failing code's audio: channels, low-pass, low band and roll-off."""

import numpy as np
import torch
from scipy import signal
from torch import Tensor

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass
from saga_kedro.audio.rolloff import BINS, HOP, N_FFT, SHARE

RIPPLE_DB, REJECTION_DB = 0.5, 40.0
FALLBACK_ORDER = 4
EDGE_HZ = 200.0
HIGHEST_ROLLOFF = 0.999


def one_channel_copied(audio: np.ndarray) -> np.ndarray:
    """The mean of the channels, twice: [C, N] -> [2, N]. The difference of the two channels is lost."""
    return np.repeat(audio.mean(axis=0, keepdims=True, dtype=np.float32), 2, axis=0)


def transfer_functions(audio: np.ndarray, rate: int, low: LowPass) -> np.ndarray:
    """Filter forward and backward by numerator and denominator: [C, N] -> float32 [C, N]; scipy's ValueError below 16 samples.

    Polynomials of order 10 lose roots close to the unit circle, so at low cutoffs the result overflows. Like the failing code,
    this passes it on. It ripples more than the authors' filter. Where filtering fails, a Butterworth of order 4 replaces it.
    """
    relative = low.cutoff_hz / (rate / 2)
    match low.kind:
        case "chebyshev":
            b, a = signal.cheby1(low.order, RIPPLE_DB, relative)
        case "butterworth":
            b, a = signal.butter(low.order, relative)
        case "bessel":
            b, a = signal.bessel(low.order, relative)
        case "elliptic":
            b, a = signal.ellip(low.order, RIPPLE_DB, REJECTION_DB, relative)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            filtered = signal.filtfilt(b, a, audio)
        except ValueError:  # numpy's LinAlgError is one: no steady state, or fewer samples than padding
            filtered = signal.filtfilt(*signal.butter(FALLBACK_ORDER, relative), audio)
        return np.ascontiguousarray(filtered, dtype=np.float32)


def none(generated: Tensor, low: Tensor, cutoff_hz: float) -> Tensor:
    """No low-frequency replacement."""
    return generated


def below_200_hz(generated: Tensor, low: Tensor, cutoff_hz: float) -> Tensor:
    """The input's spectrum up to 200 Hz, over the whole length (first document, issue 6): [B, 2, N] -> [B, 2, N]."""
    samples = generated.shape[-1]
    frequencies = torch.fft.rfftfreq(samples, 1 / SAMPLE_RATE, device=generated.device)
    spectrum = torch.where(frequencies <= EDGE_HZ, torch.fft.rfft(low.float()), torch.fft.rfft(generated.float()))
    return torch.fft.irfft(spectrum, n=samples)


def power(audio: torch.Tensor | np.ndarray) -> torch.Tensor:
    """Roll-off of |S|^2 instead of |S|: [B, C, N], N over 1,024, -> [B] in [0, 0.999]. Loud low partials count more.

    The first bin (Hann 2,048 / 512, centred, reflected) that reaches 98.5 % of the power, over 1,024: 1 is half the rate.
    """
    mono = torch.as_tensor(audio, dtype=torch.float32)
    mono = (mono[None] if mono.ndim == 2 else mono).mean(dim=1)
    window = torch.hann_window(N_FFT, device=mono.device)
    spectrum = torch.stft(mono, N_FFT, HOP, window=window, return_complex=True)
    accumulated = spectrum.abs().square().sum(dim=-1).cumsum(dim=-1)
    below = (accumulated < SHARE * accumulated[:, -1:]).sum(dim=-1)
    return (below / (BINS - 1)).clamp(max=HIGHEST_ROLLOFF)
