"""How many samples one sound lies behind another."""

import numpy as np
from scipy import fft

from saga_kedro.audio import SAMPLE_RATE

BANDS = tuple(5_512.5 / 2**octave for octave in range(6))
"""Hz: upper edges of the bands in which a delay is looked for, down to 172."""
RELATED = 27.0
"""Height of the correlation's peak over its root mean square, in the best of `BANDS`, from which two sounds are related.

Measured on 12 clips of 2 to 5 s: 48 inputs and outputs of three models have 158 to 268 against their references, and 72 at most
23.0 against another clip's. Above 5.5 kHz these have up to 55, as clips are empty there.
"""


def delay_of(reference: np.ndarray, estimate: np.ndarray) -> tuple[int, bool, bool]:
    """Delay in samples, positive if the estimate is late, whether the two are related, and whether polarity is inverted.

    It is the peak of the correlation of two float [N], with phase transform: every bin weighs the same (Knapp and Carter 1976),
    so tones and loud low bands give no broad peaks. The band with the highest peak counts: a generated band is noise, which
    moves a peak by a sample or hides a narrow kept band. A delay of 0 is taken if it fits within 2 %: a narrow band cannot tell
    them apart (at 5.5 kHz one sample is 10 %).
    """
    if not (np.isfinite(estimate).all() and estimate.any() and reference.any()):
        return 0, False, False
    size = fft.next_fast_len(len(reference) + len(estimate), real=True)
    spectra = [fft.rfft(audio.astype(np.float64), size) for audio in (reference, estimate)]
    cross = spectra[1] * spectra[0].conj()
    cross /= np.abs(cross) + 1e-12 * np.abs(cross).max()
    found = []
    for edge in BANDS:
        correlation = fft.irfft(np.where(np.arange(len(cross)) <= edge / SAMPLE_RATE * size, cross, 0), size)
        peak = int(np.argmax(np.abs(correlation)))
        peak = 0 if abs(correlation[0]) > 0.98 * abs(correlation[peak]) else peak
        height = float(abs(correlation[peak]) / np.sqrt(np.mean(correlation**2)))
        found.append((height, peak if peak < size // 2 else peak - size, bool(correlation[peak] < 0)))
    height, delay, inverted = max(found)
    return delay, height > RELATED, inverted
