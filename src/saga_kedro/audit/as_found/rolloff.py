"""The roll-off as the documents and the failing code measure it: of power instead of magnitude."""

from __future__ import annotations

import numpy as np
import torch

from saga_kedro.audio.rolloff import BINS, HOP, N_FFT, SHARE
from saga_kedro.model.parts import register


@register("rolloff", "power")
def power(audio: torch.Tensor | np.ndarray) -> torch.Tensor:
    """Roll-off of |S|^2 instead of |S|: [B, C, N] -> [B] in [0, 1). Loud low partials count more, so it lies lower.

    The failing code's: the first bin that reaches 98.5 %, over the highest one, and edges that are reflected.
    """
    mono = torch.as_tensor(audio, dtype=torch.float32)
    mono = (mono[None] if mono.ndim == 2 else mono).mean(dim=1)
    window = torch.hann_window(N_FFT, device=mono.device)
    spectrum = torch.stft(mono, N_FFT, HOP, window=window, return_complex=True)
    accumulated = spectrum.abs().double().square().sum(dim=-1).cumsum(dim=-1)
    reached = (accumulated < SHARE * accumulated[:, -1:]).sum(dim=-1)
    return (reached / (BINS - 1)).clamp(max=0.999).float()
