"""Which bins of a spectrum form the bands of the band-envelope codec."""

from __future__ import annotations

import numpy as np


def band_edges(bands: int, bins: int, sample_rate: int, corner_hz: float) -> np.ndarray:
    """Edges of bands of equal width on the scale log(1 + f / corner_hz), rounded to bins: about linear below the corner.

    A high corner gives equal bands, which LSD, a mean over bins, asks for; a low one gives the fine low bands of the ear,
    in which harmonics of the input show. The [bands + 1] edges rise from 0 to ``bins``, those from 0 Hz to half of the rate:
    band b holds bins edges[b] to edges[b + 1] - 1. Where the lowest would hold none, it is a ValueError.
    """
    nyquist = sample_rate / 2
    hertz = corner_hz * np.expm1(np.linspace(0, np.log1p(nyquist / corner_hz), bands + 1))
    edges = np.round(hertz / nyquist * bins).astype(int)
    if (np.diff(edges) < 1).any():
        raise ValueError(
            f"{bands} bands with a corner of {corner_hz:g} Hz leave bands without a bin: take fewer, or a higher corner."
        )
    return edges
