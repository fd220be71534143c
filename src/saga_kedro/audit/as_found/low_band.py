"""Low-frequency replacement that is missing, or stops at 200 Hz."""

from __future__ import annotations

import torch
from torch import Tensor

from saga_kedro.audio import SAMPLE_RATE

EDGE_HZ = 200.0


def none(generated: Tensor, low: Tensor, cutoff_hz: float) -> Tensor:
    """What was generated, [B, 2, N], as it is."""
    return generated


def below_200_hz(generated: Tensor, low: Tensor, cutoff_hz: float) -> Tensor:
    """The input's spectrum up to 200 Hz, over the whole length (first document, issue 6): [B, 2, N] -> [B, 2, N]."""
    samples = generated.shape[-1]
    frequencies = torch.fft.rfftfreq(samples, 1 / SAMPLE_RATE, device=generated.device)
    spectrum = torch.where(frequencies <= EDGE_HZ, torch.fft.rfft(low.float()), torch.fft.rfft(generated.float()))
    return torch.fft.irfft(spectrum, n=samples)
