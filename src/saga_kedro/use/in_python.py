"""The shipped model from Python, in one line."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.model.loading import load_model

loaded = cache(load_model)


def super_resolve(
    audio: np.ndarray | str | Path,
    sample_rate: int | None = None,
    model: str | Path | None = None,
    device: str = "cpu",
    **settings: Any,
) -> np.ndarray:
    """Give muffled audio the upper band that it could have had: `SuperResolver.super_resolve` of a model that is loaded once.

    Args:
        audio: float [channels, samples] in [-1, 1], or a file.
        sample_rate: of an array, in Hz.
        model: folder of a trained model; by default the one in the package.
        device: as for `saga super-resolve --device`.
        settings: ``cutoff_hz``, ``rate``, ``progress``, and `Dials`: rolloff, noise_floor, prompt, steps, s_a, s_t, seed, fast.

    Returns:
        float32 [channels, samples] at ``rate``, by default 44.1 kHz: an array carries no rate that could say otherwise.
    """
    return loaded(model, device).super_resolve(audio, sample_rate, **settings)
