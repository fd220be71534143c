"""Cutting audio into overlapping frames, adding frames up again, and short-time spectra of both kinds."""

from functools import cache

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like, padded


@cache
def hann(length: int) -> np.ndarray:
    """Periodic Hann window, float32 [length] (``torch.hann_window``)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def cut_frames(audio: Array, length: int, hop: int) -> Array:
    """Frames of ``length`` samples centred at (k + 1/2) hop (torch.stft: k hop): [..., N] -> [..., ceil(N / hop), length].

    Zeros fill the last hop; ``length`` is a multiple of ``hop``, their difference even.
    """
    samples = audio.shape[-1]
    hops = -(-samples // hop)
    margin = (length - hop) // 2
    return _frames(padded(audio, margin, margin + hops * hop - samples), length, hop)


def frame_view(audio: np.ndarray, length: int, step: int) -> np.ndarray:
    """Whole frames of [N], one every ``step`` samples: a view, [T, length]."""
    audio = np.ascontiguousarray(audio)  # a view of all frames first would be too large for a browser's 32 bits
    shape, strides = (1 + (len(audio) - length) // step, length), (step * audio.itemsize, audio.itemsize)
    return np.lib.stride_tricks.as_strided(audio, shape, strides, writeable=False)


def add_frames(frames: Array, hop: int) -> Array:
    """Inverse of `cut_frames`: [..., T, length] are added where they overlap, the margins are dropped: [..., T * hop]."""
    hops, length = frames.shape[-2:]
    margin = (length - hop) // 2
    return _overlapped(frames, hop)[..., margin : margin + hops * hop]


def overlap_weight(window: Array, hop: int, frames: int) -> Array:
    """The sum of squared windows at each sample, [frames * hop]: what overlap-add of windowed frames is divided by."""
    xp = array_namespace(window)
    return add_frames(xp.broadcast_to(window * window, (frames, window.shape[0])), hop)


def magnitude(spectra: Array) -> Array:
    """|spectra|; three times as fast as ``abs``, which guards against overflow with hypot."""
    return array_namespace(spectra).sqrt(power(spectra))


def power(spectra: Array) -> Array:
    """|spectra|^2."""
    xp = array_namespace(spectra)
    real, imaginary = xp.real(spectra), xp.imag(spectra)
    return real * real + imaginary * imaginary


def frame_power(frames: np.ndarray) -> np.ndarray:
    """|X|^2 of windowed frames: [..., n] -> float32 [..., n / 2 + 1]."""
    return power(np.fft.rfft(frames)).astype(np.float32)  # before NumPy 2 spectra are in double precision


def mean_around(values: Array, width: int) -> Array:
    """The mean over an odd number of values around each of the last axis, fewer at the ends."""
    xp = array_namespace(values)
    half, count = width // 2, values.shape[-1]
    ones = like(np.ones(count, np.float32), values)
    sums, counts = (padded(one, half, half) for one in (values, ones))
    total, there = (sum(one[..., k : k + count] for k in range(width)) for one in (sums, counts))
    return xp.divide(total, there)


def stft(audio: Array, n_fft: int, hop: int) -> Array:
    """Short-time spectra, [..., N] -> complex [..., 1 + N // hop, n_fft / 2 + 1]: Hann window, frames centred at k hop, zeros
    beyond the ends (``torch.stft`` with ``center=True, pad_mode="constant"``); n_fft is a multiple of the hop."""
    frames = 1 + audio.shape[-1] // hop
    behind = (frames - 1) * hop + n_fft // 2 - audio.shape[-1]
    cut = _frames(padded(audio, n_fft // 2, behind), n_fft, hop)
    cut *= like(hann(n_fft), audio)
    return array_namespace(audio).fft.rfft(cut)


def istft(spectra: Array, n_fft: int, hop: int, samples: int) -> Array:
    """The inverse of `stft` (``torch.istft``): complex [..., T, n_fft / 2 + 1] to float [..., samples]."""
    xp = array_namespace(spectra)
    frames = xp.fft.irfft(spectra, n=n_fft)
    window = like(hann(n_fft), frames)
    weight = _overlapped(xp.broadcast_to(window * window, (frames.shape[-2], n_fft)), hop)
    frames *= window
    audio = _overlapped(frames, hop)[..., n_fft // 2 : n_fft // 2 + samples]
    return audio / weight[n_fft // 2 : n_fft // 2 + samples]


def _frames(audio: Array, length: int, hop: int) -> Array:
    # side by side, each shifted by one hop more than the one before
    parts = length // hop
    hops = audio.shape[-1] // hop
    blocks = audio.reshape((*audio.shape[:-1], hops, hop))
    return array_namespace(audio).concat([blocks[..., k : hops - parts + 1 + k, :] for k in range(parts)], axis=-1)


def _overlapped(frames: Array, hop: int) -> Array:
    *leading, hops, length = frames.shape
    parts = length // hop
    xp = array_namespace(frames)
    total = like(np.zeros((*leading, hops + parts - 1, hop), np.float32), frames)
    for part in range(parts):
        total[..., part : part + hops, :] += frames[..., part * hop : (part + 1) * hop]
    return xp.reshape(total, (*leading, -1))
