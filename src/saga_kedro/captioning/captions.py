"""Captions of many clips, window by window; finished ones are kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.captioning.descriptors import DescriptorCaptioner
from saga_kedro.captioning.table import captions_from_table
from saga_kedro.captioning.windows import window_table
from saga_kedro.files import atomic_path, names_in, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Caption
from saga_kedro.stages import code

BATCHES = 8
"""Batches of a task: the last one is seldom full."""


class Captioner(Protocol):
    """What writes captions. A worker gets it pickled, before it has loaded anything."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What captions depend on besides the audio and the code; part of the cache's key."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Windows captioned together, on a GPU if there is one; None: one by one, on every core."""
        ...

    def __call__(self, windows: Sequence[NDArray[np.float32]], rate: int) -> list[str]:
        """One caption for each of the windows, float32 [channels, samples]."""
        ...


def caption(clips: pd.DataFrame, caption: Caption, captions_folder: str | Path) -> pd.DataFrame:
    """Describe every window of every clip of the training and validation splits: clip_id, window, start_s, caption.

    ``clips``: clip_id, content_hash, samples (at 44.1 kHz), split and ``flac``, the path of the audio. MissingWeights without
    Qwen2-Audio's, ValueError if the table of captions is missing, unreadable or lacks a clip.
    """
    return _captions_of(clips[clips["split"] != "test"], caption, captions_folder, "flac")


def caption_pairs(pairs: pd.DataFrame, caption: Caption, pair_captions_folder: str | Path) -> pd.DataFrame:
    """`caption` for the ``low`` side of evaluation pairs (pair_id, content_hash, samples, low): all that inference may know."""
    inputs = pairs.assign(clip_id=pairs["pair_id"])
    return _captions_of(inputs, caption, pair_captions_folder, "low").rename(columns={"clip_id": "pair_id"})


def _captions_of(clips: pd.DataFrame, caption: Caption, folder: str | Path, path_column: str) -> pd.DataFrame:
    captioner: Captioner
    match caption.source:
        case "table":
            return captions_from_table(str(caption.path), clips, caption.window_seconds)
        case "descriptors":
            captioner = DescriptorCaptioner()
        case "qwen2_audio":
            from saga_kedro.captioning.qwen2_audio import Qwen2AudioCaptioner

            captioner = Qwen2AudioCaptioner(caption.path, caption.batch_size, caption.max_new_tokens)
    return caption_clips(clips, captioner, caption.window_seconds, folder, path_column)


def caption_clips(
    clips: pd.DataFrame, captioner: Captioner, window_seconds: float, cache_folder: str | Path, path_column: str
) -> pd.DataFrame:
    """`caption` with a captioner, of the paths in ``path_column``. A clip's JSON in the cache makes a killed run resume."""
    twice = clips["clip_id"][clips["clip_id"].duplicated()]
    if len(twice):
        raise ValueError(f"Two clips are called {twice.iloc[0]}: give each its own clip_id.")
    windows = window_table(clips, window_seconds)
    of_clip: dict[str, list[tuple[int, int]]] = {}
    for clip_id, start, samples in zip(windows["clip_id"], windows["start"], windows["samples"], strict=True):
        of_clip.setdefault(clip_id, []).append((start, samples))
    items = []
    for clip_id, path, content in zip(clips["clip_id"], clips[path_column], clips["content_hash"], strict=True):
        key = parameter_hash(content, dict(captioner.parameters), code("caption"), window_seconds)[:16]
        if clip_id in of_clip:
            items.append(_Item(Path(path), Path(cache_folder) / f"{clip_id}-{key}.json", of_clip[clip_id]))
    held = names_in(cache_folder)
    due = [item for item in items if item.cache.name not in held]
    size = captioner.batch_size
    found = parallel_map(
        _caption_group,
        [[item] for item in due] if size is None else _groups(due, BATCHES * size),
        "captions" if size is None else "captions, in groups of clips",
        workers=None if size is None else 1,  # as large as such a model is, one process of a machine holds it, or one a GPU
        gpu=size is not None,
        lost=lambda group, reason: [f"one of {len(group)} from {group[0].path} on: {reason}"],
        captioner=captioner,
    )
    failures = [failure for failures in found for failure in failures]
    if failures:
        raise UnreadableAudio(f"{len(failures)} of {len(items)} clips could not be captioned; the first: {failures[0]}")
    captions = [caption for item in items for caption in json.loads(item.cache.read_text(encoding="utf-8"))]
    return windows[["clip_id", "window", "start_s"]].assign(caption=captions)


@dataclass
class _Item:
    """A clip to caption."""

    path: Path
    cache: Path  # where its captions go
    windows: list[tuple[int, int]]  # first sample and length

    def audio(self) -> list[NDArray[np.float32]]:
        windows = []
        for start, length in self.windows:
            audio, rate = read_audio(self.path, start, length)
            if rate != SAMPLE_RATE or audio.shape[-1] == 0:
                raise UnreadableAudio(
                    f"{self.path}: expected audio at {SAMPLE_RATE} Hz at sample {start}, "
                    f"found {audio.shape[-1]} samples at {rate} Hz."
                )
            windows.append(audio)
        return windows


def _groups(items: Sequence[_Item], windows: int) -> Iterator[list[_Item]]:
    """Consecutive clips with at least so many windows together."""
    group: list[_Item] = []
    for item in items:
        group.append(item)
        if sum(len(one.windows) for one in group) >= windows:
            yield group
            group = []
    if group:
        yield group


def _caption_group(items: Sequence[_Item], captioner: Captioner) -> list[str]:
    """Caption windows of several clips together, and write each clip's file with its last window; returns what went wrong."""
    failures: list[str] = []
    waiting: list[tuple[_Item, NDArray[np.float32]]] = []
    done: dict[Path, list[str]] = {}

    def caption_waiting() -> None:
        batch = waiting[: captioner.batch_size]
        del waiting[: captioner.batch_size]
        for (item, _), caption in zip(batch, captioner([audio for _, audio in batch], SAMPLE_RATE), strict=True):
            captions = done.setdefault(item.cache, [])
            captions.append(caption)
            if len(captions) == len(item.windows):
                with atomic_path(item.cache) as temporary:
                    temporary.write_text(json.dumps(done.pop(item.cache), ensure_ascii=False), encoding="utf-8")

    for item in items:
        if item.cache.exists():  # a worker was killed over another clip of the group
            continue
        try:
            waiting.extend((item, audio) for audio in item.audio())
        except UnreadableAudio as error:
            failures.append(str(error))
        while len(waiting) >= (captioner.batch_size or 1):
            caption_waiting()
    while waiting:
        caption_waiting()
    return failures
