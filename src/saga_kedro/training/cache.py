"""The cache of a configuration: which folder it has, how it is filled, and which one a training may use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.loaded_once import LoadedOnce, let_go
from saga_kedro.parameters import Parameters
from saga_kedro.training.examples import SPLITS, make_segments
from saga_kedro.training.folder import key_of
from saga_kedro.training.latents import CachedSegments, load_encoder, write_latents

MEASURED = 256  # segments that the latents' statistics are taken from


def encode_splits(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    data_version: str,
    parameters: Parameters,
    folder: str | Path,
) -> dict[str, Any]:
    """Encode the training and validation splits.

    Args:
        clips: resampled clips.
        captions: of their windows.
        data_version: of the clips.
        parameters: all of them.
        folder: the cache gets a folder below it.

    Returns:
        ``key``, ``folder``; ``train`` and ``validation`` as `write_latents` returns them; ``statistics`` of the training split.
    """
    key = key_of("encode", parameters, data_version, captions)
    encoder = LoadedOnce(load_encoder, (parameters.model, parameters.fit.accelerator))
    place = Path(folder) / key[:10]
    summary: dict[str, Any] = {"key": key, "folder": place.as_posix()}
    for split in SPLITS:
        segments = make_segments(clips, captions, {}, parameters, split, place)
        summary[split] = write_latents(
            segments,
            encoder,
            place / split,
            parameters.encode.batch_size,
            parameters.encode.shard_segments,
            parameters.fit.workers,
        )
        if split == "train":
            cached = CachedSegments(segments, place / split, parameters.model.text.max_tokens)
            summary["statistics"] = cached.statistics(MEASURED)
    let_go()  # a training that follows in this process needs the memory
    return summary


def cache_of(summary: dict[str, Any], parameters: Parameters, data_version: str, captions: pd.DataFrame) -> str | None:
    """The folder of the cache that a training is to use; None where it is to encode for itself.

    Raises:
        ValueError: the cache is another configuration's.
    """
    if not parameters.encode.latents:
        return None
    if summary.get("key") != key_of("encode", parameters, data_version, captions):
        raise ValueError("The latents on disk are not this configuration's: run the pipeline `encode` before `fit`.")
    return summary["folder"]
