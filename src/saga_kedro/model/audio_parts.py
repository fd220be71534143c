"""What is done to audio before the codec sees it, as parts: the channels kept, the low-pass, the roll-off.

``channels`` parts are called with audio [C, N] and return [2, N]; ``low_pass`` parts with (audio [C, N], rate, ``LowPass``) and
return the same shape; ``rolloff`` parts with audio [B, 2, N] and return [B], in [0, 1).
"""

from __future__ import annotations

import numpy as np

from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import to_stereo
from saga_kedro.audio.rolloff import rolloff
from saga_kedro.model.parts import register

register("channels", "stereo")(to_stereo)
register("rolloff", "magnitude")(rolloff)


@register("low_pass", "authors")
def authors(audio: np.ndarray, rate: int, low: LowPass) -> np.ndarray:
    """`low_pass` for training, which does it often: scipy's inverse transform takes a third of NumPy 1's time."""
    from scipy import fft  # who only uses a model need not have it

    return low_pass(audio, rate, low, fft)
