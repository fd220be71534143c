"""What a vocoder's envelope is given to: spectra whose magnitudes are 1 on the average, everywhere.

Each function returns short-time spectra [B, 2 (mid, side), J, K] of frames cut by `cut_frames` and weighted by a Hann window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from saga_kedro.audio.bandwidth import measure_cutoff
from saga_kedro.draws import generator
from saga_kedro.model.codec.mid_side import to_mid_side
from saga_kedro.model.codec.overlap import add_frames, cut_frames, magnitude, overlap_weight

NOISE_BLOCK = 65_536
"""Samples of noise that are one draw: so any part of a long signal can be drawn by itself."""

SMOOTHING_STEPS = 3
"""Steps of `smooth_noise`: 3 halve the deviation of its log magnitudes (5.6 to 2.7 dB); 30 reach 1.7 dB, but LSD falls by
0.02 only."""

WHITENING_BINS = 17
"""Bins over which `copy_up` averages magnitudes: 366 Hz at 44.1 kHz and 2,048 points, wider than the distance of most
partials."""

BELOW_EDGE = 0.9
"""`copy_up` takes what lies below this part of the measured cutoff: a low-pass's own slope is no signal to copy."""


def white_noise(seeds: Sequence[int], samples: int, first: int = 0) -> Tensor:
    """Samples [first, first + samples) of standard normal noise, [B, 2, samples] float32 on the CPU; item b depends on
    ``seeds[b]`` only."""
    blocks = range(first // NOISE_BLOCK, -(-(first + samples) // NOISE_BLOCK))
    start = first - blocks.start * NOISE_BLOCK
    drawn = [
        torch.cat([torch.randn(2, NOISE_BLOCK, generator=generator(seed, "excitation", k)) for k in blocks], dim=-1)
        for seed in seeds
    ]
    return torch.stack(drawn)[..., start : start + samples]


def noise(seeds: Sequence[int], window: Tensor, hop: int, samples: int, first: int = 0) -> Tensor:
    """Gaussian noise. Its magnitudes are Rayleigh, whose mean is sqrt(pi / 4) of the root mean square.

    Args:
        seeds: one an item.
        window: [n_fft], Hann, on the device and in the dtype to work in.
        hop: samples between frames.
        samples: a multiple of ``hop``.
        first: which sample of the noise of a seed is the first; a multiple of ``hop``.

    Returns:
        [B, 2, samples / hop, n_fft / 2 + 1] complex.
    """
    spectra = _spectra(white_noise(seeds, samples, first).to(window), window, hop)
    return spectra / (math.pi / 4 * window.square().sum()).sqrt()


def smooth_noise(seeds: Sequence[int], window: Tensor, hop: int, samples: int, first: int = 0) -> Tensor:
    """Noise with fewer deep holes: magnitudes are set to 1, the signal with the nearest spectra taken, and again.

    (Griffin and Lim, 1984, with a constant as the target.) No signal's magnitudes are constant, but those of Gaussian
    noise scatter more than they must, and that scatter is all of the error of a right envelope. Arguments and result as
    `noise`.
    """
    spectra = _smoothed(white_noise(seeds, samples, first).to(window), window, hop)
    return spectra / _smoothed_level(len(window), hop)


def _smoothed(signal: Tensor, window: Tensor, hop: int) -> Tensor:
    weight = overlap_weight(window, hop, signal.shape[-1] // hop)
    spectra = _spectra(signal, window, hop)
    for _ in range(SMOOTHING_STEPS):
        flat = spectra / magnitude(spectra).clamp_(min=1e-9)
        signal = add_frames(torch.fft.irfft(flat) * window, hop) / weight
        spectra = _spectra(signal, window, hop)
    return spectra


@lru_cache
def _smoothed_level(n_fft: int, hop: int) -> float:
    """Mean magnitude of smoothed noise, away from its ends: a constant, so that the parts of a long signal agree."""
    spectra = _smoothed(white_noise([0], 200 * hop), torch.hann_window(n_fft), hop)
    return float(magnitude(spectra)[..., 20:-20, :].mean())


def copy_up(
    low: Tensor,
    sample_rate: int,
    seeds: Sequence[int],
    window: Tensor,
    hop: int,
    samples: int,
    first: int = 0,
    cutoff_hz: float | None = None,
) -> Tensor:
    """The input's own spectrum, whitened, with the octave under its cutoff repeated above it; noise where the input has
    nothing.

    Bins are moved by whole numbers, and each frame's phase is turned by what the move adds per hop, so that a steady
    partial stays one.

    Args:
        low: the low-resolution input, [B, 2, N]; cut or filled with zeros to ``samples``.
        sample_rate: Hz.
        seeds, window, hop, samples, first: as `noise`.
        cutoff_hz: where the input stops carrying signal; None measures it for each item.

    Returns:
        [B, 2, samples / hop, n_fft / 2 + 1] complex.
    """
    low = functional.pad(low.to(window), (0, samples - low.shape[-1]))
    own = _spectra(to_mid_side(low), window, hop)
    filler = noise(seeds, window, hop, samples, first)
    bins, n_fft = own.shape[-1], len(window)
    frame = first // hop + torch.arange(own.shape[-2], device=own.device)
    moved = torch.zeros_like(own)
    for item, audio in enumerate(low):
        cutoff = measure_cutoff(audio.cpu().float().numpy(), sample_rate) if cutoff_hz is None else cutoff_hz
        top = int(min(1.0, BELOW_EDGE * cutoff / (sample_rate / 2)) * bins)
        if top < WHITENING_BINS:
            continue
        target = torch.arange(bins, device=own.device)
        source = torch.where(target < top, target, top // 2 + (target - top) % (top - top // 2))
        turns = frame[:, None] * (target - source) * hop % n_fft / n_fft
        moved[item] = own[item][..., source] * torch.polar(torch.ones_like(turns), 2 * math.pi * turns).to(own)
    local = functional.avg_pool1d(
        magnitude(moved).flatten(0, 2), WHITENING_BINS, stride=1, padding=WHITENING_BINS // 2, count_include_pad=False
    ).view(moved.shape)
    return torch.where(local > 1e-6 * window.square().sum().sqrt(), moved / local.clamp(min=1e-12), filler)


def _spectra(signal: Tensor, window: Tensor, hop: int) -> Tensor:
    return torch.fft.rfft(cut_frames(signal, len(window), hop) * window)
