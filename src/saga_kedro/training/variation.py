"""What is changed of a training segment before it is low-passed: its level, and the hiss of the room and the microphone.

A model that has heard only clean recordings continues a hissing one with silence, and LSD counts every quiet frame of that. The
hiss is added to the reference, so the low band shows it and the model learns to continue it.
"""

from __future__ import annotations

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.parameters import Vary

PIVOT_HZ = 100.0  # under it the spectrum of a hiss is flat


def varied(audio: np.ndarray, vary: Vary, source: np.random.Generator) -> np.ndarray:
    """Audio at another level, with another noise floor.

    Args:
        audio: float32 [channels, samples] at 44.1 kHz. Identical channels stay identical.
        vary: how far, and how often.
        source: of the draws.

    Returns:
        float32 of the same shape. A gain that would exceed full scale is reduced to it.
    """
    gain_db, hisses = source.uniform(-vary.gain_db, vary.gain_db), source.uniform() < vary.hiss
    level_db = source.uniform(vary.hiss_minimum_db, vary.hiss_maximum_db)
    slope_db = source.uniform(-vary.hiss_slope_db, vary.hiss_slope_db)
    if vary.gain_db and (peak := float(np.abs(audio).max(initial=0.0))):
        audio = audio * np.float32(min(10 ** (gain_db / 20), max(1.0, 1 / peak)))
    if hisses:
        audio = audio + coloured_noise(_independent(audio), audio.shape[-1], slope_db, source) * 10 ** (level_db / 20)
    return audio.astype(np.float32, copy=False)


def coloured_noise(channels: int, samples: int, slope_db: float, source: np.random.Generator) -> np.ndarray:
    """Gaussian noise of root mean square 1, [channels, samples]; its spectrum rises by ``slope_db`` an octave above 100 Hz."""
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    gain = np.maximum(hertz / PIVOT_HZ, 1.0) ** (slope_db / (20 * np.log10(2)))
    noise = np.fft.irfft(np.fft.rfft(source.standard_normal((channels, samples))) * gain, samples)
    return noise / np.sqrt(np.mean(noise**2))


def _independent(audio: np.ndarray) -> int:
    """1 where all channels are the same, and must stay so, else their number."""
    return 1 if (audio == audio[:1]).all() else len(audio)
