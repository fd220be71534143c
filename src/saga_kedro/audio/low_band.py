"""Low-frequency replacement: the output keeps the input's own band (P, section 4.1, "as AudioSR")."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from saga_kedro.arrays import Array, array_namespace, exact, like, padded
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.spectra import istft, magnitude, mean_around, power, stft

N_FFT = 2_048
HOP = 512
FADE_BINS = 16
LEVEL_FRAMES = 258
"""Frames over which levels are compared: 3 s. Any part of a clip can be processed alone, with 1.5 s on each side."""

FILLED_FROM = 0.9  # of the cutoff: under it the input stays as it is
TINY = float(np.finfo(np.float32).tiny)

Rule = Callable[[Array, Array, int], Array]
"""(generated, low, c) -> what is kept: STFTs, complex [channels, frames, 1025], and the bin of the cutoff."""


def replace_low_band(generated: Array, low: Array, cutoff_hz: float, rule: str = "input_cutoff") -> Array:
    """Take the band below the cutoff from the input ``low`` and the rest from the generated audio, by STFT (Hann 2,048 / 512).

    Both are float [batch, channels, samples] or [channels, samples] at 44.1 kHz; the result is float32. ``rule`` is a name in
    ``RULES`` (``authors`` ignores ``cutoff_hz``); an unknown one, or shapes that differ, is a ValueError.
    """
    if rule not in RULES:
        raise ValueError(f"There is no low-band rule {rule!r}; the rules are {', '.join(RULES)}.")
    if generated.shape != low.shape:
        raise ValueError(f"Generated audio {tuple(generated.shape)} and input {tuple(low.shape)} must have the same shape.")
    xp = array_namespace(generated)
    with exact(generated):
        generated, low = (xp.astype(audio, xp.float32, copy=False) for audio in (generated, low))
        if not generated.shape[-1]:
            return generated
        if generated.ndim == 2:
            return _replaced(generated, low, cutoff_hz, RULES[rule])
        return xp.stack([_replaced(*item, cutoff_hz, RULES[rule]) for item in zip(generated, low, strict=True)])


def _replaced(generated: Array, low: Array, cutoff_hz: float, rule: Rule) -> Array:
    c = min(max(round(cutoff_hz * N_FFT / SAMPLE_RATE), 0), N_FFT // 2 + 1)
    channels = [  # one by one: spectra of all of them would be most of what super-resolving takes of memory
        istft(rule(stft(ours[None], N_FFT, HOP), stft(theirs[None], N_FFT, HOP), c), N_FFT, HOP, generated.shape[-1])
        for ours, theirs in zip(generated, low, strict=True)
    ]
    return array_namespace(generated).concat(channels)


def input_cutoff(generated: Array, low: Array, c: int) -> Array:
    """The default: bins [0, c) are the input's, exactly; the generated band above is scaled to meet it.

    The scale is clamp(sum|in| / sum|out|, 0.8, 1.2) over 3 s of frames and the bins [0.7 c, 0.85 c), which hardly any low-pass
    has touched. C divides the input's band by that ratio instead.
    """
    seam = slice(math.floor(0.7 * c), math.ceil(0.85 * c))
    xp = array_namespace(generated)
    have, want = (xp.sum(magnitude(spectra[..., seam]), axis=-1) for spectra in (generated, low))
    return xp.concat([low[..., :c], generated[..., c:] * _gain(have, want)[..., None]], axis=-1)


def cross_fade(generated: Array, low: Array, c: int) -> Array:
    """A linear fade from input to generated audio over the 16 bins (344 Hz) that end at the cutoff; no level is changed."""
    index = np.arange(generated.shape[-1])
    share = like(np.clip((c - index) / (FADE_BINS + 1), 0, 1).astype(np.float32), magnitude(generated[..., :1]))
    return low * share + generated * (1 - share)


def authors(generated: Array, low: Array, c: int) -> Array:
    """C's rule (util/util_audiosr.py, wav_replace_ops), per channel: bins [0, c) are the input's *divided* by
    clamp(sum|in[c]| / sum|out[c]|, 0.8, 1.2), with c the input's own 98.5 % bin; the cutoff that is given is not used."""
    xp = array_namespace(low)
    replaced = []
    for ours, theirs in zip(generated, low, strict=True):
        accumulated = xp.cumulative_sum(xp.sum(magnitude(theirs), axis=0, dtype=xp.float64), axis=-1)
        edge = max(0, int(xp.sum(xp.astype(accumulated < 0.985 * accumulated[-1], xp.int64))) - 1)
        gain = _gain(magnitude(ours[:, edge])[None], magnitude(theirs[:, edge])[None])[0]
        replaced.append(xp.concat([theirs[:, :edge] / gain[:, None], ours[:, edge:]], axis=-1))
    return xp.stack(replaced)


def seamless(generated: Array, low: Array, c: int) -> Array:
    """As `input_cutoff`, and the loss in the bins [0.9 c, c) is filled up: generated audio is added with the power that the
    input lacks, both averaged over 9 bins and 5 frames."""
    xp = array_namespace(generated)
    bitten = slice(math.ceil(FILLED_FROM * c), c)
    have, want = (_level(spectra, bitten) for spectra in (low, generated))
    missing = xp.sqrt(xp.clip(1 - have / xp.clip(want, min=TINY), min=0))
    filled = input_cutoff(generated, low, c)
    filled[..., bitten] += generated[..., bitten] * missing
    return filled


RULES: dict[str, Rule] = {
    "input_cutoff": input_cutoff,
    "seamless": seamless,
    "authors": authors,
    "cross_fade": cross_fade,
}
LOW_BANDS: dict[str, Callable[[Array, Array, float], Array]] = {name: partial(replace_low_band, rule=name) for name in RULES}
"""`replace_low_band` by the rules' names: (generated [B, 2, N], low [B, 2, N], cutoff_hz) -> [B, 2, N]."""


def _level(spectra: Array, bins: slice) -> Array:
    """Power averaged over 9 bins and 5 frames, at these bins."""
    xp = array_namespace(spectra)
    first = max(0, bins.start - 4)
    by_bin = mean_around(power(spectra[..., first : bins.stop + 4]), 9)[..., bins.start - first : bins.stop - first]
    return xp.matrix_transpose(mean_around(xp.matrix_transpose(by_bin), 5))


def _gain(have: Array, want: Array) -> Array:
    """[channels, frames] of magnitudes to the factor for the generated ones; 1 where one of the two is silent."""
    xp = array_namespace(have)
    have, want = _around(have), _around(want)
    ratio = xp.where((have > 0) & (want > 0), want / xp.clip(have, min=TINY), xp.ones_like(have))
    return xp.astype(xp.clip(ratio, 0.8, 1.2), xp.float32)


def _around(per_frame: Array) -> Array:
    """The sum over the ``LEVEL_FRAMES`` around each frame; at both ends the first and the last so many."""
    xp = array_namespace(per_frame)
    frames = per_frame.shape[-1]
    start = np.clip(np.arange(frames) - LEVEL_FRAMES // 2, 0, max(0, frames - LEVEL_FRAMES))
    stop = np.minimum(start + LEVEL_FRAMES, frames)
    total = padded(xp.cumulative_sum(xp.astype(per_frame, xp.float64), axis=-1), 1, 0)
    return xp.take(total, like(stop, total), axis=-1) - xp.take(total, like(start, total), axis=-1)
