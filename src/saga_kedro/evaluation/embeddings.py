"""What a Frechet distance is taken over: embeddings of short windows of sound, each under its own name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.spectra import hann
from saga_kedro.weights import MissingWeights

WINDOW_SECONDS = 1.0
HOP_SECONDS = 0.5
N_FFT = 2048
HOP = 512
MEL_BANDS = 32
FLOOR = 1e-10
OPENL3_INPUT = "mel256"
OPENL3_SIZE = 512

Embedding = Callable[[np.ndarray, str], np.ndarray]


def log_mel(audio: np.ndarray, category: str = "") -> np.ndarray:
    """Mean and deviation of the log-mel spectrum over windows of 1 s: timbre and how much it moves, up to half the rate.

    32 mel bands (HTK, 0 to 22,050 Hz) of the power spectrum of the mono mix (Hann 2,048 / 512; a sine at full scale is 1),
    log10(power + 1e-10); of each window of 1 s, every 0.5 s, the mean over its frames and their deviation. It is computed, not
    learnt: it needs no weights, and what it gives is no OpenL3 distance.

    Args:
        audio: float [channels, samples] at 44.1 kHz; shorter than a window: filled up with zeros.
        category: not looked at.

    Returns:
        float32 [windows, 64].
    """
    mono = np.asarray(audio, np.float32).mean(axis=0)
    mono = np.pad(mono, (0, max(0, round(WINDOW_SECONDS * SAMPLE_RATE) - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, N_FFT)[::HOP]
    window = hann(N_FFT)
    power = (np.abs(np.fft.rfft(frames * window, axis=1)) * (2 / window.sum())) ** 2
    levels = np.log10(power @ _mel_filters() + FLOOR)
    length, step = (round(seconds * SAMPLE_RATE / HOP) for seconds in (WINDOW_SECONDS, HOP_SECONDS))
    windows = np.lib.stride_tricks.sliding_window_view(levels, min(length, len(levels)), axis=0)[::step]
    return np.concatenate([windows.mean(axis=-1), windows.std(axis=-1)], axis=1).astype(np.float32)


def openl3(audio: np.ndarray, category: str = "") -> np.ndarray:
    """OpenL3's embedding (Cramer et al. 2019; the package ``openl3``): 48 kHz, mono, 1 s windows every 0.5 s, mel256, 512 wide.

    The model trained on music is taken for music, the one trained on environmental sound for everything else. The paper does
    not say which variant of OpenL3 it used, so even this distance compares with the paper's by its order of magnitude only.

    Args:
        audio: float [channels, samples] at 44.1 kHz.
        category: ``music`` or another.

    Returns:
        float32 [windows, 512].

    Raises:
        MissingWeights: of `require_openl3`.
    """
    require_openl3()
    import openl3 as library

    model = _openl3_model("music" if category == "music" else "env")
    windows, _ = library.get_audio_embedding(audio.T, SAMPLE_RATE, model=model, hop_size=HOP_SECONDS, verbose=0)
    return np.asarray(windows, np.float32)


def require_openl3() -> None:
    """Find OpenL3's package and weights before anything is computed.

    Raises:
        MissingWeights: what is missing, from where, and what to measure instead.
    """
    instead = "or measure FD_logmel, a distance of its own that needs no weights"
    found = importlib.util.find_spec("openl3")
    if found is None or not found.submodule_search_locations:
        raise MissingWeights(
            "The metric FD needs OpenL3: install the package openl3 (MIT; with it come its weights, CC BY 4.0), "
            + instead
            + "."
        )
    folder = Path(found.submodule_search_locations[0])
    wanted = [f"openl3_audio_{OPENL3_INPUT}_{kind}.h5" for kind in ("music", "env")]
    absent = [name for name in wanted if not (folder / name).exists()]
    if absent:
        raise MissingWeights(f"OpenL3 is installed without its weights: put {' and '.join(absent)} into {folder}, {instead}.")


@lru_cache(maxsize=1)
def _mel_filters() -> np.ndarray:
    """Triangles of height 1 between points evenly spaced in mel = 2595 log10(1 + f / 700), [1025, 32].

    Written out, because the libraries that have them bring torch, which takes a worker longer to import than all the rest.
    """
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    points = 700 * (10 ** (np.linspace(0, highest, MEL_BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (bins - points[:-2]) / np.diff(points)[:-1]
    falling = (points[2:] - bins) / np.diff(points)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache(maxsize=2)
def _openl3_model(kind: str) -> Any:
    import openl3 as library

    return library.models.load_audio_embedding_model(OPENL3_INPUT, kind, OPENL3_SIZE)
