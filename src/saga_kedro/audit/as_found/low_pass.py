"""The failing code's low-pass: transfer functions, more ripple, and no resampling behind it."""

from __future__ import annotations

import numpy as np
from scipy import signal

from saga_kedro.audio.lowpass import LowPass

RIPPLE_DB, REJECTION_DB = 0.5, 40.0
FALLBACK_ORDER = 4


def transfer_functions(audio: np.ndarray, rate: int, low: LowPass) -> np.ndarray:
    """Filter forward and backward by numerator and denominator: [C, N] -> float32 [C, N]; scipy's ValueError below 16 samples.

    In double precision, polynomials of order 10 do not keep roots close to the unit circle: at low cutoffs the result
    overflows, and is passed on as the failing code does. Where filtering fails, a Butterworth of order 4 takes its place.
    """
    relative = low.cutoff_hz / (rate / 2)
    match low.kind:
        case "chebyshev":
            b, a = signal.cheby1(low.order, RIPPLE_DB, relative)
        case "butterworth":
            b, a = signal.butter(low.order, relative)
        case "bessel":
            b, a = signal.bessel(low.order, relative)
        case "elliptic":
            b, a = signal.ellip(low.order, RIPPLE_DB, REJECTION_DB, relative)
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            filtered = signal.filtfilt(b, a, audio)
        except ValueError:  # numpy's LinAlgError is one: no steady state, or fewer samples than padding
            filtered = signal.filtfilt(*signal.butter(FALLBACK_ORDER, relative), audio)
        return np.ascontiguousarray(filtered, dtype=np.float32)
