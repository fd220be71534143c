"""What a training reads: the segments of a split, read and low-passed as they are drawn, or encoded before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from torch import Tensor

from saga_kedro.draws import seed_of
from saga_kedro.parameters import Parameters
from saga_kedro.training.origins import in_drawn_order, origins_of
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Segments, slots_of

SPLITS = ("train", "validation")


def make_segments(
    clips: pd.DataFrame,
    captions: pd.DataFrame | None,
    text_states: Mapping[str, Tensor],
    parameters: Parameters,
    split: str,
    folder: str | Path | None = None,
) -> Segments:
    """The segments of one split, with its own seed.

    Args:
        clips: of all splits.
        captions: of their windows; None where the segments are encoded already.
        text_states: of the captions.
        parameters: all of them.
        split: which one.
        folder: where their table is written, for other processes to map; None keeps it in this one.
    """
    wide = clips["bandwidth_hz"] >= parameters.fit.minimum_bandwidth_hz
    chosen = clips[wide & (clips["split"] == split)]
    if parameters.fit.segments_per_origin is not None:
        chosen = few_of_each_origin(chosen, parameters.fit.segments_per_origin, parameters.seed)
    table = SegmentTable.of_frames(chosen, captions)
    return segments_of(table.write(table_path(folder, split)) if folder else table, text_states, parameters, split)


def table_path(folder: str | Path, split: str) -> Path:
    """Where the table of a split's segments lies."""
    return Path(folder) / f"{split}.arrow"


def segments_of(table: SegmentTable, text_states: Mapping[str, Tensor], parameters: Parameters, split: str) -> Segments:
    """The segments of a split's clips."""
    return Segments(
        table,
        text_states,
        parameters.vary,
        parameters.degrade,
        segment_samples=parameters.model.segment_samples,
        window_seconds=parameters.caption.window_seconds,
        max_tokens=parameters.model.text.max_tokens,
        seed=seed_of(parameters.seed, split),
        channels=parameters.model.channels,
        rolloff=parameters.model.rolloff,
    )


def few_of_each_origin(clips: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Clips with at most so many segments of a category of each package, repository or folder, and at least one clip.

    Which, a hash decides; they stay in their order.
    """
    shuffled = in_drawn_order(clips.assign(segments=slots_of(clips["samples"])), seed, "few")
    same = shuffled.groupby(["category", origins_of(shuffled)])
    together, first = same["segments"].cumsum(), same.cumcount() == 0
    return clips[clips.index.isin(shuffled.index[(together <= most) | first])]
