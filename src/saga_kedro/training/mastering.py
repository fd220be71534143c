"""Mastering a mix: balance over the octaves, compression, and more loudness than peaks allow."""

from collections.abc import Callable

import numpy as np
from scipy import fft, signal

from saga_kedro.audio import SAMPLE_RATE

OCTAVES_HZ = 62.5 * 2.0 ** np.arange(9)  # in which a mix is balanced: 62.5 Hz to 16 kHz
PIVOT = 4  # 1 kHz, whose level stays
SLOPE_DB = (-7.5, -2.5)  # an octave, per Hz
STRENGTH = (0.5, 1.0)
CORRECTION_DB = 24.0  # at most, up or down
RATIO = (1.0, 4.0)  # dB in for a dB out
HEARS_S = 0.1  # over which the compressor hears how loud it is
BOOSTS_DB = 20.0  # under the mean level; what is quieter is raised no further
LOUDNESS_DB = (-20.0, -8.0)  # root mean square under full scale, before the clipper


def mastered(audio: np.ndarray, source: np.random.Generator) -> np.ndarray:
    """A mix as it is published: [channels, samples] at 44.1 kHz, not silent; the result is between -1 and 1.

    Its octaves go part of the way to a straight line of -7.5 to -2.5 dB an octave, measured per Hz. Published music has some -5
    from 100 Hz to 4 kHz (P. D. Pestana, Z. Ma, J. D. Reiss, A. Barbosa, D. A. A. Black, "Spectral characteristics of popular
    commercial recordings 1950-2010", AES 135th Convention, 2013). The range about it, the compressor and the clipper are ours.
    Identical channels stay identical.
    """
    slope_db, strength, ratio, loudness_db = (source.uniform(*bounds) for bounds in (SLOPE_DB, STRENGTH, RATIO, LOUDNESS_DB))
    audio = compressed(balanced(audio, slope_db, strength), ratio)
    return np.tanh(audio * 10 ** (loudness_db / 20) / np.sqrt(np.mean(audio**2)))


def balanced(audio: np.ndarray, slope_db: float, strength: float) -> np.ndarray:
    """[channels, samples] whose octaves go by ``strength`` (0 to 1) of the way to a line of ``slope_db`` an octave."""
    hertz, density = signal.welch(audio, SAMPLE_RATE, nperseg=min(4096, audio.shape[-1]), axis=-1)
    in_octave = np.abs(np.log2(np.maximum(hertz, 1.0)) - np.log2(OCTAVES_HZ)[:, None]) <= 0.5
    level_db = 10 * np.log10((in_octave * density.mean(axis=0)).sum(axis=1) / np.maximum(in_octave.sum(axis=1), 1) + 1e-20)
    line_db = level_db[PIVOT] + slope_db * (np.arange(len(OCTAVES_HZ)) - PIVOT)
    correction_db = np.clip(strength * (line_db - level_db), -CORRECTION_DB, CORRECTION_DB)
    return equalised(
        audio, lambda hertz: 10 ** (np.interp(np.log2(np.maximum(hertz, 1.0)), np.log2(OCTAVES_HZ), correction_db) / 20)
    )


def equalised(audio: np.ndarray, gain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """[channels, samples], each frequency (Hz) with its gain, a factor of amplitude, in its own phase."""
    size = fft.next_fast_len(audio.shape[-1], real=True)
    return fft.irfft(fft.rfft(audio, size) * gain(np.fft.rfftfreq(size, 1 / SAMPLE_RATE)), size)[..., : audio.shape[-1]]


def compressed(audio: np.ndarray, ratio: float) -> np.ndarray:
    """[channels, samples] whose loudness differs from its mean by ``ratio`` times fewer dB than before, all channels alike."""
    window = signal.get_window("hann", int(HEARS_S * SAMPLE_RATE))
    power = signal.oaconvolve(np.mean(audio**2, axis=0), window / window.sum(), mode="same")
    heard = np.maximum(power / max(float(power.mean()), 1e-20), 10 ** (-BOOSTS_DB / 10))
    return audio * heard ** (0.5 / ratio - 0.5)
