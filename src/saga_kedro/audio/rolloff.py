"""Spectral roll-off: the frequency below which 98.5 % of the magnitude lies, on a scale of 0 to 1 (P, section 3.2; C)."""

from __future__ import annotations

import numpy as np
import torch

from saga_kedro.audio import SAMPLE_RATE

N_FFT = 2_048
HOP = 512
SHARE = 0.985
BINS = N_FFT // 2 + 1


def rolloff(audio: torch.Tensor | np.ndarray) -> torch.Tensor:
    """Roll-off of each item: the last bin below which less than 98.5 % of the summed magnitude has accumulated, over 1,025.

    The magnitude spectrogram (Hann 2,048 / 512, centred, zero-padded) of the channel mean is summed over time; c[k] is its
    cumulative sum over frequency; the result is max{k : c[k] < 0.985 c[1024]} / 1025.
    Source: C, util/util_audiosr.py, get_cutoff_ratio.

    Args:
        audio: float [batch, channels, samples], or [channels, samples] for a batch of one.

    Returns:
        float32 [batch] in [0, 1) on the audio's device; silence and empty audio give 0.
    """
    mono = torch.as_tensor(audio, dtype=torch.float32)
    mono = (mono[None] if mono.ndim == 2 else mono).mean(dim=1)
    if mono.shape[-1] == 0:
        return mono.new_zeros(len(mono))
    window = torch.hann_window(N_FFT, device=mono.device)
    spectrum = torch.stft(mono, N_FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    # summed in double precision: a bin more or less is a step of 0.001
    accumulated = spectrum.abs().sum(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    below = (accumulated < SHARE * accumulated[:, -1:]).sum(dim=-1)
    return ((below - 1).clamp(min=0) / BINS).float()


def rolloff_to_hz(value: float) -> float:
    """The frequency in Hz that a roll-off in [0, 1) stands for at 44.1 kHz."""
    return value * BINS * SAMPLE_RATE / N_FFT


def rolloff_from_hz(frequency: float) -> float:
    """The roll-off in [0, 1) of a frequency in Hz at 44.1 kHz: 16 kHz is 0.725.

    Raises:
        ValueError: the frequency is negative or at least half the rate.
    """
    if not 0 <= frequency < SAMPLE_RATE / 2:
        raise ValueError(f"A roll-off lies between 0 and {SAMPLE_RATE / 2:.0f} Hz, not at {frequency} Hz.")
    return frequency * N_FFT / SAMPLE_RATE / BINS
