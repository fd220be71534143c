"""Spectral roll-off: the frequency below which 98.5 % of the magnitude lies, on a scale of 0 to 1 (P, section 3.2; C)."""

from collections.abc import Callable

from saga_kedro.arrays import Array, array_namespace, exact
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.spectra import magnitude, stft

N_FFT = 2_048
HOP = 512
SHARE = 0.985
BINS = N_FFT // 2 + 1


def rolloff(audio: Array) -> Array:
    """Roll-off of each item: the last bin below which less than 98.5 % of the summed magnitude has accumulated, over 1,025.

    The magnitude spectrogram (Hann 2,048 / 512, centred, zero-padded) of the channel mean is summed over time; c[k] is its
    cumulative sum over frequency; the result is max{k : c[k] < 0.985 c[1024]} / 1025 (C, util/util_audiosr.py,
    get_cutoff_ratio). Float [batch, channels, samples], or [channels, samples] for a batch of one, gives float32 [batch] in [0,
    1); silence and empty audio give 0.
    """
    xp = array_namespace(audio)
    with exact(audio):
        mono = xp.astype(audio if audio.ndim == 3 else audio[None], xp.float32, copy=False).mean(1)
        # summed in double precision: a bin more or less is a step of 0.001
        summed = xp.sum(magnitude(stft(mono, N_FFT, HOP)), axis=1, dtype=xp.float64)
        accumulated = xp.cumulative_sum(summed, axis=-1)
        below = xp.sum(xp.astype(accumulated < SHARE * accumulated[:, -1:], xp.int64), axis=-1)
        return xp.astype(xp.clip(below - 1, min=0) / BINS, xp.float32)


ROLLOFFS: dict[str, Callable[[Array], Array]] = {"magnitude": rolloff}
"""Called with audio [B, 2, N]; they return [B], in [0, 1)."""


def rolloff_from_hz(frequency: float) -> float:
    """The roll-off in [0, 1) of a frequency in Hz at 44.1 kHz, from 0 to less than half the rate: 16 kHz is 0.725."""
    if not 0 <= frequency < SAMPLE_RATE / 2:
        raise ValueError(f"A roll-off lies between 0 and {SAMPLE_RATE / 2:.0f} Hz, not at {frequency} Hz.")
    return frequency * N_FFT / SAMPLE_RATE / BINS
