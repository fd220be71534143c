"""The spectral-copy baseline: what a fixed rule gets from the input alone. A model must beat it."""

from __future__ import annotations

import numpy as np

from saga_kedro.audio import SAMPLE_RATE

WINDOW = 2048
HOP = 512
# the low-pass has bitten 3 dB or less below this share of the cutoff
EDGE = 0.96
# amplitude falls as 1 / frequency
SLOPE_DB = 6.0


def copy_up(low: np.ndarray, cutoff_hz: float, rate: int = SAMPLE_RATE, slope_db_per_octave: float = SLOPE_DB) -> np.ndarray:
    """Copy the upper half of the input's band upward until half the rate, each copy lower by a level slope.

    With STFT bins X[k] (Hann 2,048 / 512), e the bin just below the cutoff and w, about e / 2, the width copied:
    Y[k] = X[k] for k < e; above, Y[k] = X[k'] 10^(-slope log2(k / k') / 20) with k' = e - w + (k - e) mod w.
    w is a multiple of 4 bins: a shift by 4 bins turns the phase by whole turns from hop to hop, so the copies stay coherent.

    Args:
        low: float [channels, samples] in [-1, 1].
        cutoff_hz: of the input, in Hz.
        rate: in Hz.
        slope_db_per_octave: how much a copy is lowered per octave it is moved.

    Returns:
        float32 of the same shape. Digital silence stays digital silence (but for the length of a window beside sound).

    Raises:
        ValueError: the cutoff leaves no band to copy (under about 200 Hz) or is not below half the rate.
    """
    from scipy.signal import get_window

    if not 0 < cutoff_hz < rate / 2:
        raise ValueError(f"the cutoff to copy up from must lie between 0 and {rate / 2:.0f} Hz; it is {cutoff_hz:.0f} Hz")
    bins = WINDOW // 2 + 1
    edge = int(EDGE * cutoff_hz * WINDOW / rate)
    width = edge // 2 // 4 * 4
    if width < 4:
        raise ValueError(f"a cutoff of {cutoff_hz:.0f} Hz leaves no band to copy upward")
    target = np.arange(edge, bins)
    source = edge - width + (target - edge) % width
    gain = 10 ** (-slope_db_per_octave * np.log2(target / source) / 20)

    audio = np.asarray(low, np.float32)
    samples = audio.shape[1]
    # a window of silence on each side: every sample lies under the full overlap of windows
    hops = -(-samples // HOP)
    padded = np.pad(audio, ((0, 0), (WINDOW, WINDOW + hops * HOP - samples)))
    window = get_window("hann", WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP]
    spectrum = np.fft.rfft(frames * window, axis=2)
    high = np.zeros_like(spectrum)
    high[..., edge:] = spectrum[..., source] * gain
    high[..., :edge] = spectrum[..., :edge]
    pieces = np.fft.irfft(high, n=WINDOW, axis=2) * window
    out = np.zeros_like(padded, dtype=np.float64)
    weight = np.zeros(padded.shape[1])
    for index in range(pieces.shape[1]):
        out[:, index * HOP : index * HOP + WINDOW] += pieces[:, index]
        weight[index * HOP : index * HOP + WINDOW] += window**2
    return (out[:, WINDOW : WINDOW + samples] / weight[WINDOW : WINDOW + samples]).astype(np.float32)
