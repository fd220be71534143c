"""Sounds for tests of using a model: muffled, full-band, silent."""

import numpy as np
from scipy.signal import butter, sosfiltfilt

from saga_kedro.draws import rng


def full_band(seconds: float = 1.0, channels: int = 2, rate: int = 44_100) -> np.ndarray:
    """Bursts of white noise, float32 [channels, samples]."""
    samples = round(seconds * rate)
    bursts = 0.05 + 0.1 * np.abs(np.sin(2 * np.pi * 3 * np.arange(samples) / rate))
    return (bursts * rng(0, "full band", channels).standard_normal((channels, samples))).clip(-0.9, 0.9).astype(np.float32)


def muffled(seconds: float = 1.0, channels: int = 2, rate: int = 44_100, cutoff: float = 4_000.0) -> np.ndarray:
    """The same with nothing above the cutoff."""
    return sosfiltfilt(butter(10, cutoff, fs=rate, output="sos"), full_band(seconds, channels, rate)).astype(np.float32)


def bursts_over_noise(
    noise_db: float = -60.0, seconds: float = 4.0, channels: int = 2, burst_db: float = -20.0
) -> tuple[np.ndarray, np.ndarray]:
    """A recording with a noise floor: white noise of that level, and every half second a fifth of a second of louder noise.

    Returns:
        float32 [channels, samples] at 44.1 kHz; bool [samples], where a burst is or ends less than a frame before.
    """
    samples = round(seconds * 44_100)
    at = np.arange(samples) % 22_050
    noise, bursts = rng(0, "bursts over noise").standard_normal((2, channels, samples))
    audio = noise * 10 ** (noise_db / 20) + bursts * (at < 8_820) * 10 ** (burst_db / 20)
    return audio.astype(np.float32), (at < 8_820 + 2_048) | (at >= 22_050 - 2_048)
