"""The cache of a configuration: which folder it has, how it is filled, and which one a training may use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.files import parameter_hash
from saga_kedro.loaded_once import LoadedOnce, let_go
from saga_kedro.parameters import Parameters
from saga_kedro.training.fit import SPLITS, make_segments
from saga_kedro.training.latents import CachedSegments, load_encoder, write_latents

MEASURED = 256  # segments that the latents' statistics are taken from


def latents_key(parameters: Parameters, data_version: str, captions: Iterable[str]) -> str:
    """Ten digits that name a cache: the hash of everything that its contents depend on."""
    model = parameters.model.model_dump()
    return parameter_hash(
        data_version,
        parameters.seed,
        parameters.vary.model_dump(),
        parameters.fit.minimum_bandwidth_hz,
        parameters.fit.segments_per_origin,
        parameters.degrade.model_dump(exclude={"cutoffs_khz", "order", "excerpt_seconds", "pairs_per_category"}),
        {name: value for name, value in model.items() if name not in ("backbone", "conditioning", "network")},
        parameters.caption.window_seconds,
        parameters.encode.shard_segments,
        list(captions),
    )[:10]


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
        folder: below it the cache has a folder of its own.

    Returns:
        ``key``, ``folder``; ``train`` and ``validation`` as `write_latents` returns them; ``statistics`` of the training split.
    """
    key = latents_key(parameters, data_version, captions["caption"])
    encoder = LoadedOnce(load_encoder, (parameters.model, parameters.fit.accelerator))
    summary: dict[str, Any] = {"key": key, "folder": (Path(folder) / key).as_posix()}
    for split in SPLITS:
        segments = make_segments(clips, captions, {}, parameters, split, Path(folder) / key)
        summary[split] = write_latents(
            segments,
            encoder,
            Path(folder) / key / split,
            parameters.encode.batch_size,
            parameters.encode.shard_segments,
            parameters.fit.workers,
        )
        if split == "train":
            cached = CachedSegments(segments, Path(folder) / key / split, parameters.model.text.max_tokens)
            summary["statistics"] = cached.statistics(MEASURED)
    let_go()  # whoever trains next in this process wants the memory
    return summary


def cache_of(summary: dict[str, Any], parameters: Parameters, data_version: str, captions: pd.DataFrame) -> str | None:
    """The folder of the cache that a training is to use; None where it is to encode for itself.

    Args:
        summary: of the newest `encode_splits`.
        parameters, data_version, captions: of the training.

    Raises:
        ValueError: the cache is another configuration's.
    """
    if not parameters.encode.latents:
        return None
    if summary.get("key") != latents_key(parameters, data_version, captions["caption"]):
        raise ValueError("The latents on disk are not this configuration's: run the pipeline `encode` before `fit`.")
    return summary["folder"]
