"""Captions of many clips, window by window; what is finished is not done again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.captioning.windows import window_table
from saga_kedro.files import atomic_path, names_in, parameter_hash
from saga_kedro.parallel import parallel_map

BATCHES = 8
"""Batches of a task: the last one is seldom full."""


class Captioner(Protocol):
    """What writes captions.

    Attributes:
        parameters: everything besides the audio that captions depend on; part of the cache's key.
        batch_size: windows captioned together, on a GPU where there is one; None: one by one, on every core. A worker gets the
            captioner pickled, before it has loaded anything.
    """

    @property
    def parameters(self) -> Mapping[str, Any]: ...

    @property
    def batch_size(self) -> int | None: ...

    def __call__(self, windows: Sequence[NDArray[np.float32]], rate: int) -> list[str]:
        """One caption for each of the windows, float32 [channels, samples]."""
        ...


def caption_clips(
    clips: pd.DataFrame, captioner: Captioner, window_seconds: float, cache_folder: str | Path, path_column: str = "path"
) -> pd.DataFrame:
    """Caption every window of every clip.

    Each clip's captions are one small JSON in ``cache_folder``, named by clip and by the hash of its content and of the
    parameters. A killed run goes on where it was.

    Args:
        clips: columns ``clip_id`` (unique), ``samples`` (at 44.1 kHz), ``content_hash`` and ``path_column``; several rows may
            share a content.
        captioner: `saga_kedro.captioning.descriptors.DescriptorCaptioner`, or
            `saga_kedro.captioning.qwen2_audio.Qwen2AudioCaptioner`.
        window_seconds: length of a window.
        cache_folder: where finished captions stay.
        path_column: the column with the path of the audio at 44.1 kHz: the clip itself, or the low-resolution side of a
            pair.

    Returns:
        Columns ``clip_id``, ``window``, ``start_s``, ``caption``, in the order of the clips.

    Raises:
        UnreadableAudio: for some clips, once all others are captioned.
        ValueError: a clip_id occurs twice.
    """
    if clips["clip_id"].duplicated().any():
        raise ValueError(
            f"Two clips are called {clips['clip_id'][clips['clip_id'].duplicated()].iloc[0]}: give each its own clip_id."
        )
    windows = window_table(clips, window_seconds)
    of_clip: dict[str, list[tuple[int, int]]] = {}
    for clip_id, start, samples in zip(windows["clip_id"], windows["start"], windows["samples"], strict=True):
        of_clip.setdefault(clip_id, []).append((start, samples))
    items = [
        _Item(Path(path), _cache_path(cache_folder, clip_id, content, captioner, window_seconds), of_clip[clip_id])
        for clip_id, path, content in zip(clips["clip_id"], clips[path_column], clips["content_hash"], strict=True)
        if clip_id in of_clip
    ]
    held = names_in(cache_folder)
    due = [item for item in items if item.cache.name not in held]
    if captioner.batch_size is None:
        outcomes = parallel_map(
            _caption_one, due, "captions", lost=lambda item, reason: f"{item.path}: {reason}", captioner=captioner
        )
    else:
        found = parallel_map(
            _caption_group,
            _groups(due, BATCHES * captioner.batch_size),
            "captions, in groups of clips",
            workers=1,  # as large as such a model is, one process of a machine's cores holds it, or one a GPU
            gpu=True,
            lost=lambda group, reason: [f"one of {len(group)} clips from {group[0].path} on: {reason}"],
            captioner=captioner,
        )
        outcomes = [failure for failures in found for failure in failures]
    failures = [outcome for outcome in outcomes if outcome]
    if failures:
        raise UnreadableAudio(f"{len(failures)} of {len(items)} clips could not be captioned; the first: {failures[0]}")
    captions = [caption for item in items for caption in json.loads(item.cache.read_text(encoding="utf-8"))]
    return windows[["clip_id", "window", "start_s"]].assign(caption=captions)


class _Item:
    """A clip to caption: its audio, where its captions go, and its windows: first sample and length."""

    def __init__(self, path: Path, cache: Path, windows: list[tuple[int, int]]):
        self.path, self.cache, self.windows = path, cache, windows

    def audio(self) -> list[NDArray[np.float32]]:
        """The windows' audio. Raises UnreadableAudio."""
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

    def finish(self, captions: Sequence[str]) -> None:
        with atomic_path(self.cache) as temporary:
            temporary.write_text(json.dumps(list(captions), ensure_ascii=False), encoding="utf-8")


def _cache_path(folder: str | Path, clip_id: str, content: str, captioner: Captioner, window_seconds: float) -> Path:
    return Path(folder) / f"{clip_id}-{parameter_hash(content, dict(captioner.parameters), window_seconds)[:16]}.json"


def _caption_one(item: _Item, captioner: Captioner) -> str:
    """Caption a clip; what went wrong, or nothing."""
    try:
        item.finish(captioner(item.audio(), SAMPLE_RATE))
    except UnreadableAudio as error:
        return str(error)
    return ""


def _groups(items: Sequence[_Item], windows: int) -> Iterator[list[_Item]]:
    """Clips that follow each other, so many that they have at least so many windows."""
    group: list[_Item] = []
    for item in items:
        group.append(item)
        if sum(len(one.windows) for one in group) >= windows:
            yield group
            group = []
    if group:
        yield group


def _caption_group(items: Sequence[_Item], captioner: Captioner) -> list[str]:
    """Caption windows of several clips together; a clip is finished as soon as its last window is captioned.

    Returns:
        What went wrong, clip by clip.
    """
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
                item.finish(done.pop(item.cache))

    for item in items:
        if item.cache.exists():  # of a worker that was killed over another clip of the group
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
