"""What is changed of a training segment before it is low-passed: level and brightness, and the hiss of room and microphone.

A model that has heard only clean recordings continues a hissing one with silence, and LSD counts every quiet frame of that. The
hiss is added to the reference, so the low band shows it and the model learns to continue it. A room's noise falls with
frequency, a microphone's does not: a low band that shows the one says little of the other, which is what fills the upper band.
"""

from __future__ import annotations

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.parameters import Vary

HISS_PIVOT_HZ = 100.0  # under it the spectrum of a hiss is flat
TILT_PIVOT_HZ = 2_000.0  # over it a segment is brightened


def varied(audio: np.ndarray, vary: Vary, source: np.random.Generator) -> np.ndarray:
    """Audio of another brightness, at another level, with another noise floor.

    Args:
        audio: float32 [channels, samples] at 44.1 kHz. Identical channels stay identical.
        vary: how far, and how often.
        source: of the draws.

    Returns:
        float32 of the same shape. Brightening keeps the peak; a gain that would exceed full scale is reduced to it.
    """
    tilt_db, gain_db = source.uniform(0, vary.tilt_db), source.uniform(-vary.gain_db, vary.gain_db)
    hisses = source.uniform() < vary.hiss
    slopes_db = source.uniform(-vary.room_slope_db, 0), source.uniform(-vary.microphone_slope_db, vary.microphone_slope_db)
    levels_db = source.uniform(vary.hiss_minimum_db, vary.hiss_maximum_db, size=len(slopes_db))
    peak = float(np.abs(audio).max(initial=0.0))
    if peak and vary.tilt_db:
        brighter = tilted(audio, tilt_db, TILT_PIVOT_HZ)
        audio = brighter * (peak / np.abs(brighter).max())
    if peak and vary.gain_db:
        audio = audio * np.float32(min(10 ** (gain_db / 20), max(1.0, 1 / peak)))
    if hisses:
        for slope_db, level_db in zip(slopes_db, levels_db, strict=True):
            audio = audio + coloured_noise(_independent(audio), audio.shape[-1], slope_db, source) * 10 ** (level_db / 20)
    return audio.astype(np.float32, copy=False)


def tilted(audio: np.ndarray, slope_db: float, pivot_hz: float) -> np.ndarray:
    """[channels, samples], its spectrum raised by ``slope_db`` an octave above ``pivot_hz``."""
    hertz = np.fft.rfftfreq(audio.shape[-1], 1 / SAMPLE_RATE)
    gain = np.maximum(hertz / pivot_hz, 1.0) ** (slope_db / (20 * np.log10(2)))
    return np.fft.irfft(np.fft.rfft(audio) * gain, audio.shape[-1])


def coloured_noise(channels: int, samples: int, slope_db: float, source: np.random.Generator) -> np.ndarray:
    """Gaussian noise of root mean square 1, [channels, samples]; its spectrum rises by ``slope_db`` an octave above 100 Hz."""
    noise = tilted(source.standard_normal((channels, samples)), slope_db, HISS_PIVOT_HZ)
    return noise / np.sqrt(np.mean(noise**2))


def _independent(audio: np.ndarray) -> int:
    """1 where all channels are the same, and must stay so, else their number."""
    return 1 if (audio == audio[:1]).all() else len(audio)
