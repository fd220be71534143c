"""Which clips a training reads, and which of them where not all are taken."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from saga_kedro.draws import seed_of
from saga_kedro.parameters import Parameters
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
    """The segments of one split, of the clips of all.

    ``captions`` is None where the segments are encoded already. Into ``folder`` their table is written, for other processes to
    map; None keeps it in this one.
    """
    wide = clips["bandwidth_hz"] >= parameters.fit.minimum_bandwidth_hz
    chosen = clips[wide & (clips["split"] == split)]
    if parameters.fit.segments_per_origin is not None:
        chosen = few_of_each_origin(chosen, parameters.fit.segments_per_origin, parameters.seed)
    table = SegmentTable.of_frames(chosen, captions)
    return Segments(table.write(table_path(folder, split)) if folder else table, text_states, parameters, split)


def table_path(folder: str | Path, split: str) -> Path:
    """Where the table of a split's segments lies."""
    return Path(folder) / f"{split}.arrow"


def few_of_each_origin(clips: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Clips with at most ``most`` segments of a category of each origin, and at least one clip; they stay in their order."""
    shuffled = in_drawn_order(clips.assign(segments=slots_of(clips["samples"])), seed, "few")
    same = shuffled.groupby(["category", origins_of(shuffled)])
    together, first = same["segments"].cumsum(), same.cumcount() == 0
    return clips[clips.index.isin(shuffled.index[(together <= most) | first])]


def origins_of(clips: pd.DataFrame) -> pd.Series:
    """The package, repository or folder of each clip: its group without the last part."""
    return clips["group"].str.rsplit("/", n=1).str[0]


def in_drawn_order(clips: pd.DataFrame, seed: int, what: str) -> pd.DataFrame:
    """The clips in the order of a hash of (seed, what, clip_id)."""
    return clips.iloc[np.argsort([seed_of(seed, what, clip_id) for clip_id in clips["clip_id"]], kind="stable")]
