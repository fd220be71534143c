"""How a low-resolution input is made from a clip (P, section 4.1; C, util/util_audio_lowpass_filter.py, after ssr_eval)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import factorial, gcd
from typing import Any, Literal, get_args

import numpy as np

Kind = Literal["chebyshev", "butterworth", "bessel", "elliptic"]
KINDS: tuple[Kind, ...] = get_args(Kind)

RIPPLE_DB, REJECTION_DB = 0.1, 60.0
GAP = 50  # periods of the cutoff between the end of a clip and its beginning, which a discrete Fourier transform joins
LEAST = 1e-7  # gains below that, -140 dB, are none
# The anti-alias filter of resample_poly: 10 samples of the low rate to either side, under a Kaiser window.
ZERO_CROSSINGS = 10
KAISER_BETA = 5.0
REACH = 10  # cutoffs; from there on its response lies under -102 dB and is left out
FINENESS = 8_192  # points of its table from 0 Hz to the cutoff


@dataclass(frozen=True)
class LowPass:
    """One low-pass of order 1 to 10 at a whole number of Hz. Chebyshev is type I with 0.1 dB of ripple, elliptic has 0.1 dB of
    ripple and 60 dB of rejection (C)."""

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


def low_pass(audio: np.ndarray, rate: int, low: LowPass, fft: Any = np.fft) -> np.ndarray:
    """Remove what lies above the cutoff as C does: filter forward and backward, resample to 2 x cutoff and back.

    On white noise at a cutoff of 4 kHz (Chebyshev, order 8) the response is about -10 dB at the cutoff, -23 at 1.1 times, -56
    at 1.2 times and -70 at 1.5 times that frequency.

    The spectrum gets what scipy's ``sosfiltfilt`` and ``resample_poly`` do in C: from 2,048 samples off the ends (elliptic of
    order 10 at 2 kHz: 4,096) the difference lies 90 dB under the result. At the ends ``resample_poly`` assumes zeros beyond,
    which fade 10 periods of twice the cutoff; here the clip's mirror image makes a segment more like the same one in a longer
    recording.

    Args:
        audio: [channels, samples]; the result is float32, not delayed.
        rate: Hz; a cutoff that is not below half of it is a ValueError.
        fft: ``numpy.fft``, or ``scipy.fft``, which is faster.
    """
    cutoff = int(low.cutoff_hz)
    if 2 * cutoff >= rate:
        raise ValueError(f"A cutoff of {cutoff} Hz is not below half the rate of {rate} Hz.")
    samples = audio.shape[-1]
    if samples == 0:
        return audio.astype(np.float32)
    if len(audio) > 1 and (audio == audio[:1]).all():  # mono on two channels
        return np.repeat(low_pass(audio[:1], rate, low, fft), len(audio), axis=0)
    common = gcd(2 * cutoff, rate)
    few, many = 2 * cutoff // common, rate // common
    # half the rate and the cutoff both fall on a bin
    times = _fast_multiple(2 * many, samples + round(GAP * rate / cutoff))
    nyquist, lower_nyquist = many * times, few * times

    spectrum = fft.rfft(_ring(audio, 2 * nyquist), axis=-1)
    gains = _gains(low, rate, nyquist)
    # real and imaginary parts by themselves: a product with real numbers takes half the time
    parts = np.stack([spectrum.real[..., : len(gains)] * gains, spectrum.imag[..., : len(gains)] * gains])
    table = _anti_alias(min(many, 64))  # finer sampling of the kernel changes nothing
    bins = np.arange(min(REACH, many) * lower_nyquist + 1)
    kernel = np.interp(bins * (FINENESS / lower_nyquist), np.arange(len(table)), table)
    parts = _resampled(_resampled(parts, nyquist, lower_nyquist, kernel), lower_nyquist, nyquist, kernel)
    spectrum = np.empty(parts.shape[1:], np.complex128)
    spectrum.real, spectrum.imag = parts
    return np.ascontiguousarray(fft.irfft(spectrum, 2 * nyquist, axis=-1)[..., :samples], dtype=np.float32)


def authors(audio: np.ndarray, rate: int, low: LowPass) -> np.ndarray:
    """`low_pass` for training, which does it often: scipy's inverse transform takes a third of NumPy 1's time."""
    from scipy import fft  # using a model does not need scipy

    return low_pass(audio, rate, low, fft)


LOW_PASSES: dict[str, Callable[[np.ndarray, int, LowPass], np.ndarray]] = {"authors": authors}


def draw_low_pass(
    rng: np.random.Generator,
    own_bandwidth_hz: float,
    minimum_hz: int = 2_000,
    maximum_hz: int = 16_000,
    orders: tuple[int, int] = (2, 10),
    spread: Literal["uniform", "log_uniform"] = "uniform",
) -> LowPass:
    """Draw a training degradation: kind, order and cutoff uniformly (P), the cutoff bounded by the clip's own bandwidth (C).

    c = max(minimum, min(draw, 0.94 x own bandwidth)): a clip always loses something. Ranges include both ends; a ``spread`` of
    log_uniform draws each octave of cutoffs equally often. It always takes three numbers from ``rng``.
    """
    kind = KINDS[int(rng.integers(len(KINDS)))]
    order = int(rng.integers(orders[0], orders[1], endpoint=True))
    drawn = int(rng.integers(minimum_hz, maximum_hz, endpoint=True))
    if spread == "log_uniform":
        share = (drawn - minimum_hz) / max(1, maximum_hz - minimum_hz)
        drawn = round(minimum_hz * (maximum_hz / minimum_hz) ** share)
    return LowPass(kind, order, max(minimum_hz, min(drawn, int(0.94 * own_bandwidth_hz))))


@cache
def _fast_multiple(of: int, least: int) -> int:
    """k >= least / of for which a Fourier transform of length k x of takes little time."""

    def cost(k: int) -> int:
        # about what a transform of mixed radix takes
        length, left, factors, factor = k * of, k * of, 0, 2
        while factor * factor <= left:
            while left % factor == 0:
                factors, left = factors + factor, left // factor
            factor += 1
        return length * (factors + left)

    first = -(-least // of)
    return min(range(first, first + first // 8 + 1), key=cost)


def _ring(audio: np.ndarray, length: int) -> np.ndarray:
    """A clip whose end leads into its beginning, float64 [channels, length]: the mirror image of one end fades into the
    other's."""
    samples = audio.shape[-1]
    beyond = np.arange(length - samples)
    ring = np.empty((*audio.shape[:-1], length))
    ring[..., :samples] = audio
    behind, before = beyond % (2 * samples), beyond[::-1] % (2 * samples)  # as often to and fro as it takes
    after_end = audio[..., np.where(behind < samples, samples - 1 - behind, behind - samples)]
    to_beginning = audio[..., np.where(before < samples, before, 2 * samples - 1 - before)]
    share = 0.5 - 0.5 * np.cos(np.pi * (beyond + 0.5) / len(beyond))
    ring[..., samples:] = after_end * (1 - share) + to_beginning * share
    return ring


def _gains(low: LowPass, rate: int, nyquist: int) -> np.ndarray:
    """Gains of filtering forward and backward, bin by bin, up to where they matter, at most [nyquist + 1]."""
    step = max(1, nyquist // 1_024)
    some = _power_response(low, rate, np.arange(0, nyquist + 1, step) / nyquist)
    top = min(nyquist, (int(np.flatnonzero(some >= LEAST)[-1]) + 1) * step)
    return _power_response(low, rate, np.arange(top + 1) / nyquist)


def _power_response(low: LowPass, rate: int, frequencies: np.ndarray) -> np.ndarray:
    """|H|^2 of the digital filter at frequencies [n] over half the rate: the analogue one's at tan(pi f / rate) (bilinear)."""
    # in units of the analogue cutoff; infinite at half the rate, where a large number whose powers are finite takes its place
    x = np.tan(np.pi / 2 * np.minimum(frequencies, 1 - 1e-9)) / np.tan(np.pi * low.cutoff_hz / rate)
    n = low.order
    match low.kind:
        case "chebyshev":
            ripple = np.polynomial.chebyshev.chebval(x, [0] * n + [1])
            return 1 / (1 + (10 ** (RIPPLE_DB / 10) - 1) * ripple**2)
        case "butterworth":
            return 1 / (1 + x ** (2 * n))
        case "bessel":
            # the reverse Bessel polynomial's squared magnitude on the imaginary axis, its phase that of Butterworth at infinity
            lowest = factorial(2 * n) / (2**n * factorial(n))
            down = range(n, -1, -1)
            series = [factorial(n + j) * factorial(2 * j) / (factorial(n - j) * factorial(j) ** 2) for j in down]
            return series[0] / np.polynomial.polynomial.polyval((2 * x * lowest ** (1 / n)) ** 2, series)
        case "elliptic":
            zeros, poles, gain = _elliptic(n)
            power = np.full_like(x, gain**2)
            for zero in zeros:
                power *= zero.real**2 + (x - zero.imag) ** 2
            for pole in poles:
                power /= pole.real**2 + (x - pole.imag) ** 2
            return power


@cache
def _elliptic(order: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Zeros, poles and gain of the analogue filter whose cutoff is 1."""
    from scipy.signal import ellipap  # no other kind needs scipy

    zeros, poles, gain = ellipap(order, RIPPLE_DB, REJECTION_DB)
    return np.atleast_1d(zeros), np.atleast_1d(poles), float(gain)


@cache
def _anti_alias(many: int) -> np.ndarray:
    """The response, from 0 Hz to ``REACH`` cutoffs, of resample_poly's default filter; ``many`` is the larger of its two
    factors. It is a windowed sinc that depends on ``many`` only through folding."""
    taps = np.arange(-ZERO_CROSSINGS * many, ZERO_CROSSINGS * many + 1)
    kernel = np.sinc(taps / many) * np.kaiser(len(taps), KAISER_BETA)
    centred = np.zeros(2 * many * FINENESS)
    centred[taps] = kernel / kernel.sum()
    response = np.fft.rfft(centred).real[: min(REACH, many) * FINENESS + 1].copy()
    if many > REACH:  # faded out, since a step would ring on for ever
        response[-FINENESS:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, FINENESS + 1) / FINENESS)
    return response


def _resampled(parts: np.ndarray, nyquist: int, new_nyquist: int, kernel: np.ndarray) -> np.ndarray:
    """The spectrum of audio that is filtered by ``kernel``, gains of the bins from 0 on, and taken at another rate.

    A sampled signal's spectrum repeats, mirrored at 0 and at half the rate; where the filter passes it, it folds at half the
    new rate. ``parts`` [2, channels, bins] are real and imaginary; bins missing up to ``nyquist`` are zero.
    """
    folded = np.zeros((*parts.shape[:-1], new_nyquist + 1))
    product = np.empty((*parts.shape[:-1], min(nyquist, new_nyquist) + 1))
    for begin in range(0, len(kernel) - 1, new_nyquist):
        for mirror in range(begin // nyquist * nyquist, min(begin + new_nyquist, len(kernel) - 1) + 1, nyquist):
            # A bin at half the new rate ends one stretch and begins the next; one at half the old rate counts once.
            first, stop = max(begin, mirror), min(begin + new_nyquist + 1, mirror + nyquist, len(kernel))
            from_behind, to_behind = mirror // nyquist % 2 == 1, begin // new_nyquist % 2 == 1
            if from_behind:
                first = max(first, mirror + nyquist + 1 - parts.shape[-1])
            else:
                stop = min(stop, mirror + parts.shape[-1])
            if first >= stop:
                continue
            source = _stretch(parts, first - mirror, stop - mirror, nyquist, from_behind)
            target = _stretch(folded, first - begin, stop - begin, new_nyquist, to_behind)
            gains = kernel[first:stop]
            passed = np.multiply(source, gains[::-1] if from_behind else gains, out=product[..., : stop - first])
            if from_behind == to_behind:
                target += passed
            else:  # mirrored once: the complex conjugate
                target[0] += passed[0, ..., ::-1]
                target[1] -= passed[1, ..., ::-1]
    return folded


def _stretch(parts: np.ndarray, first: int, stop: int, nyquist: int, behind: bool) -> np.ndarray:
    """Bins [first, stop), or their mirror images at half the rate in the order of storage."""
    return parts[..., nyquist + 1 - stop : nyquist + 1 - first] if behind else parts[..., first:stop]
