"""The spectral-copy baseline, a fixed rule on the input alone. A model must beat it."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE

WINDOW, HOP = 2048, 512
EDGE = 0.96  # below this share of the cutoff the low-pass took 3 dB or less
SLOPE_DB = 6.0  # an octave: amplitude falls as 1 / frequency


def copy_up(low: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """Copy the upper half of the input's band upward until half the rate, each copy lower by `SLOPE_DB` an octave.

    With STFT bins X[k] (Hann 2,048 / 512), e the bin just below the cutoff and w, about e / 2, the width copied:
    Y[k] = X[k] for k < e; above, Y[k] = X[k'] 10^(-slope log2(k / k') / 20) with k' = e - w + (k - e) mod w.
    w is a multiple of 4 bins, a shift that turns the phase by whole turns from hop to hop, so the copies stay coherent.

    ``low`` is float [channels, samples] at 44.1 kHz, the result float32 of its shape. Digital silence stays silence, except
    within a window of sound. ValueError if the cutoff leaves no band to copy (under 200 Hz or so) or is half the rate or more.
    """
    from scipy.signal import get_window

    if not 0 < cutoff_hz < SAMPLE_RATE / 2:
        raise ValueError(
            f"the cutoff to copy up from must lie between 0 and {SAMPLE_RATE / 2:.0f} Hz; it is {cutoff_hz:.0f} Hz"
        )
    edge = int(EDGE * cutoff_hz * WINDOW / SAMPLE_RATE)
    width = edge // 2 // 4 * 4
    if width < 4:
        raise ValueError(f"a cutoff of {cutoff_hz:.0f} Hz leaves no band to copy upward")
    target = np.arange(edge, WINDOW // 2 + 1)
    source = edge - width + (target - edge) % width
    gain = 10 ** (-SLOPE_DB * np.log2(target / source) / 20)

    audio = np.asarray(low, np.float32)
    samples = audio.shape[1]
    # a window of silence on each side: every sample lies under the full overlap of windows
    hops = -(-samples // HOP)
    padded = np.pad(audio, ((0, 0), (WINDOW, WINDOW + hops * HOP - samples)))
    window = get_window("hann", WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP]
    spectrum = np.fft.rfft(frames * window, axis=2)
    spectrum[..., edge:] = spectrum[..., source] * gain
    pieces = np.fft.irfft(spectrum, n=WINDOW, axis=2) * window
    out = np.zeros_like(padded, dtype=np.float64)
    weight = np.zeros(padded.shape[1])
    for index in range(pieces.shape[1]):
        out[:, index * HOP : index * HOP + WINDOW] += pieces[:, index]
        weight[index * HOP : index * HOP + WINDOW] += window**2
    return (out[:, WINDOW : WINDOW + samples] / weight[WINDOW : WINDOW + samples]).astype(np.float32)
