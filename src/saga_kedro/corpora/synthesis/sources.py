"""Parts of the synthesised sounds. Mono signals are float32 [samples] at 44.1 kHz, stereo ones [2, samples]."""

import numpy as np
from scipy import fft, signal

from saga_kedro.audio import SAMPLE_RATE

TOP_HZ = 20_000.0
N_FFT = 1_024
HOP = 256
BINS_HZ = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE).astype(np.float32)


def harmonics(f0: np.ndarray, brightness: np.ndarray | float, top_hz: float = TOP_HZ) -> np.ndarray:
    """A harmonic tone of level (RMS) about 1: sum over k = 1..K of a^(k-1) sin(k phi), a geometric series.

    ``f0`` is the fundamental in Hz [samples]; a, in [0, 0.99], the brightness, a number or [samples]; K f0 is below ``top_hz``.
    """
    count = max(1, int(top_hz / f0.max()))
    phase = np.cumsum(f0 / SAMPLE_RATE, dtype=np.float64)
    a = np.asarray(brightness, dtype=np.float32)
    turn = _unit(phase)
    series = turn * (1 - a**count * _unit(count * phase)) / (1 - a * turn)
    power = np.mean((1 - a ** (2 * count)) / (1 - a**2)) / 2
    return (series.imag / np.sqrt(power)).astype(np.float32)


def _unit(turns: np.ndarray) -> np.ndarray:
    angle = (2 * np.pi * (turns % 1.0)).astype(np.float32)
    return np.cos(angle) + 1j * np.sin(angle)


def noise(rng: np.random.Generator, samples: int, db_per_octave: float = 0.0) -> np.ndarray:
    """Gaussian noise of level (RMS) 1 with a slope in dB per octave above 50 Hz."""
    white = rng.standard_normal(samples, dtype=np.float32)
    if db_per_octave == 0:
        return white
    size = fft.next_fast_len(samples, real=True)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 50.0) / 1_000)
    coloured = fft.irfft(fft.rfft(white, size) * 10 ** (db_per_octave * octaves / 20).astype(np.float32), size)[:samples]
    return coloured / (np.sqrt(np.mean(coloured**2)) + 1e-12)


def shape(audio: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Filter [samples] by gains [``frames_of(samples)`` or 1, 513] (STFT, square root of a Hann window, 1,024 / 256)."""
    samples, frames = len(audio), frames_of(len(audio))
    padded = np.zeros((frames + 3) * HOP, dtype=np.float32)
    padded[N_FFT // 2 : N_FFT // 2 + samples] = audio
    window = np.sqrt(signal.get_window("hann", N_FFT)).astype(np.float32)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    filtered = fft.irfft(fft.rfft(blocks * window, axis=1) * gains.astype(np.float32), axis=1) * (window / 2)
    out = np.zeros((frames + 3, HOP), dtype=np.float32)
    for quarter in range(4):
        out[quarter : quarter + frames] += filtered[:, quarter * HOP : (quarter + 1) * HOP]
    return out.reshape(-1)[N_FFT // 2 : N_FFT // 2 + samples]


def frames_of(samples: int) -> int:
    """The number of frames in :func:`shape`."""
    return samples // HOP + 2


def to_samples(track: np.ndarray, samples: int) -> np.ndarray:
    """A control track with a value per frame, interpolated to a value per sample."""
    return np.interp(np.arange(samples), np.arange(len(track)) * HOP, track).astype(np.float32)


def add_at(mix: np.ndarray, sound: np.ndarray, start: int, pan: float = 0.0) -> None:
    """Add a mono sound to a stereo mix in place, from sample ``start`` to its end at most; ``pan`` is -1 left to 1 right."""
    sound = sound[: mix.shape[1] - start]
    angle = (pan + 1) * np.pi / 4
    mix[0, start : start + len(sound)] += np.float32(np.cos(angle)) * sound
    mix[1, start : start + len(sound)] += np.float32(np.sin(angle)) * sound


def envelope(samples: int, attack_s: float, decay_s: float) -> np.ndarray:
    """A linear attack, then an exponential decay by 60 dB in ``decay_s``; the last 5 ms fade out."""
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    curve = np.exp(np.float32(-6.9 / decay_s) * time) * np.minimum(1, time / max(attack_s, 1e-4))
    fade = min(samples, SAMPLE_RATE // 200)
    curve[samples - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return curve


def room(rng: np.random.Generator, mix: np.ndarray, decay_s: float, wet: float) -> np.ndarray:
    """A stereo mix in a room: the impulse responses are two noises whose treble decays sooner."""
    length = int(decay_s * SAMPLE_RATE)
    responses = []
    for _ in range(2):
        dull, bright = noise(rng, length, -4.0), noise(rng, length)
        responses.append(dull * envelope(length, 0.004, decay_s) + 0.3 * bright * envelope(length, 0.002, decay_s / 3))
    response = np.stack(responses)
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    return mix + wet * signal.fftconvolve(mix, response, axes=1)[:, : mix.shape[1]].astype(np.float32)
