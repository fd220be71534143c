"""The roll-off as the documents and the failing code measure it: of power instead of magnitude."""

from __future__ import annotations

import numpy as np
import torch

from saga_kedro.audio.rolloff import BINS, HOP, N_FFT, SHARE

HIGHEST = 0.999


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
    return (below / (BINS - 1)).clamp(max=HIGHEST)
