"""How a low-resolution input is made from a clip (P, section 4.1; C, util/util_audio_lowpass_filter.py, after ssr_eval)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import gcd
from typing import Literal, get_args

import numpy as np
from scipy import signal

Kind = Literal["chebyshev", "butterworth", "bessel", "elliptic"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class LowPass:
    """One low-pass: ``kind`` of filter, ``order`` of 1 to 10, ``cutoff_hz`` in whole Hz (C).

    Chebyshev is type I with 0.1 dB of ripple, elliptic has 0.1 dB of ripple and 60 dB of rejection (C).
    """

    kind: Kind
    order: int
    cutoff_hz: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no low-pass of kind {self.kind!r}; the kinds are {', '.join(KINDS)}.")
        if not 1 <= self.order <= 10:
            raise ValueError(f"A low-pass has an order of 1 to 10, not {self.order}.")
        if self.cutoff_hz != int(self.cutoff_hz) or self.cutoff_hz <= 0:
            raise ValueError(f"A cutoff is a positive whole number of Hz, not {self.cutoff_hz}.")


def low_pass(audio: np.ndarray, rate: int, low: LowPass) -> np.ndarray:
    """Remove what lies above the cutoff as C does: filter forward and backward, resample to 2 x cutoff and back.

    On white noise at a cutoff of 4 kHz (Chebyshev, order 8) the response is about -10 dB at the cutoff, -23 at 1.1 times,
    -56 at 1.2 times and -70 at 1.5 times that frequency.

    Args:
        audio: [channels, samples].
        rate: Hz; the cutoff must lie below half of it.

    Returns:
        float32 of the same shape, not delayed.
    """
    cutoff = int(low.cutoff_hz)
    if 2 * cutoff >= rate:
        raise ValueError(f"A cutoff of {cutoff} Hz is not below half the rate of {rate} Hz.")
    samples = audio.shape[-1]
    if samples == 0:
        return audio.astype(np.float32)
    sections = _sections(low, rate)
    # scipy's own padding, as far as the clip is long enough for it
    padding = min(3 * (2 * len(sections) + 1 - min((sections[:, 2] == 0).sum(), (sections[:, 5] == 0).sum())), samples - 1)
    filtered = signal.sosfiltfilt(sections, audio, padlen=padding)

    common = gcd(2 * cutoff, rate)
    few, many = 2 * cutoff // common, rate // common
    kernel = _anti_alias(many)
    fewer = signal.resample_poly(filtered, few, many, axis=-1, window=kernel)
    back = signal.resample_poly(fewer, many, few, axis=-1, window=kernel)[..., :samples]
    return np.ascontiguousarray(back, dtype=np.float32)


def draw_low_pass(
    rng: np.random.Generator,
    own_bandwidth_hz: float,
    minimum_hz: int = 2_000,
    maximum_hz: int = 16_000,
    orders: tuple[int, int] = (2, 10),
    spread: Literal["uniform", "log_uniform"] = "uniform",
) -> LowPass:
    """Draw a training degradation: kind, order and cutoff uniformly (P), the cutoff bounded by the clip's own bandwidth (C).

    c = max(minimum, min(draw, 0.94 x own bandwidth)): a clip is never "low-passed" where it had nothing to lose.

    Args:
        rng: the draw's own generator; three numbers are taken whatever they turn out to be.
        own_bandwidth_hz: of the clip (``bandwidth.own_bandwidth``).
        minimum_hz, maximum_hz: range of the cutoff, both included.
        orders: smallest and largest order, both included.
        spread: of the cutoffs; log_uniform draws every octave as often.
    """
    kind = KINDS[int(rng.integers(len(KINDS)))]
    order = int(rng.integers(orders[0], orders[1], endpoint=True))
    drawn = int(rng.integers(minimum_hz, maximum_hz, endpoint=True))
    if spread == "log_uniform":
        share = (drawn - minimum_hz) / max(1, maximum_hz - minimum_hz)
        drawn = round(minimum_hz * (maximum_hz / minimum_hz) ** share)
    return LowPass(kind, order, max(minimum_hz, min(drawn, int(0.94 * own_bandwidth_hz))))


@lru_cache(maxsize=256)
def _sections(low: LowPass, rate: int) -> np.ndarray:
    # second-order sections: as transfer functions the high orders are unstable
    relative = low.cutoff_hz / (rate / 2)
    match low.kind:
        case "chebyshev":
            return signal.cheby1(low.order, 0.1, relative, output="sos")
        case "butterworth":
            return signal.butter(low.order, relative, output="sos")
        case "bessel":
            return signal.bessel(low.order, relative, output="sos")
        case "elliptic":
            return signal.ellip(low.order, 0.1, 60, relative, output="sos")


@cache
def _anti_alias(many: int) -> np.ndarray:
    # what resample_poly designs by default; it depends on the larger factor only, a divisor of the rate, so there are few
    return signal.firwin(20 * many + 1, 1 / many, window=("kaiser", 5.0))
