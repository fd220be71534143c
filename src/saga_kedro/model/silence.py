"""Digital silence: stretches in which the input carries nothing at all, and the output must not either."""

import numpy as np

# Half a step of 24-bit audio: what a 24-bit file cannot hold.
THRESHOLD = 2.0**-24
# Shorter stretches are zero crossings and quiet samples, not silence. 23 ms at 44.1 kHz.
SHORTEST = 1_024


def digital_silence(audio: np.ndarray) -> np.ndarray:
    """Samples in a stretch of 1,024 samples or more under half a step of 24-bit audio, by channel: bool [channels, samples]."""
    quiet = np.abs(audio) < THRESHOLD
    edges = np.diff(quiet.astype(np.int8), axis=-1, prepend=0, append=0)
    silent = np.zeros_like(quiet)
    for channel, row in enumerate(edges):
        for start, end in zip(np.flatnonzero(row == 1), np.flatnonzero(row == -1), strict=True):
            silent[channel, start:end] = end - start >= min(SHORTEST, audio.shape[-1])
    return silent
