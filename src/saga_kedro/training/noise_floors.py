"""The noise floors of the training clips, from which the floor of another recording is continued."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audio.noise_floor import measure_floor
from saga_kedro.model.noise_floor import HERTZ, LEAST_CUTOFF_HZ, ROWS, Floor, level_of
from saga_kedro.parallel import parallel_map
from saga_kedro.training.examples import in_drawn_order, origins_of

SHORTEST_S, LONGEST_S = 1.2, 30.0
CLIPS_PER_GROUP, CLIPS_PER_ORIGIN = 40, 400
BELOW_REACH = 0.93
ENCODED = (".ogg", ".oga", ".mp3", ".opus")
ENCODED_REACH_HZ = 12_000.0  # above it, encoders drop what nobody hears, the recording's floor first
LEAST_DB = -97.0  # a floor near the rounding of 16 bits is a file's


def floors_of(clips: pd.DataFrame, seed: int, workers: int | None = None) -> list[Floor]:
    """One floor of each group that has one, the mean in dB of its clips' floors; at most ``ROWS``, in the order of a hash.

    Args:
        clips: rows with clip_id, group, path, bandwidth_hz, samples and flac.
        seed: of the choice of clips where a group or an origin has many.
        workers: processes; None is one a core.
    """
    return floors_of_groups(floors_of_clips(clips, seed, workers))


def floors_of_clips(
    clips: pd.DataFrame,
    seed: int,
    workers: int | None = None,
    per_group: int = CLIPS_PER_GROUP,
    per_origin: int = CLIPS_PER_ORIGIN,
) -> list[tuple[str, Floor]]:
    """Group and floor of each clip that has one, of at most so many clips a group and an origin."""
    chosen = chosen_clips(clips, seed, per_group, per_origin)
    return [found for found in parallel_map(_floor_of, chosen.to_dict("records"), "noise floors", workers) if found]


def chosen_clips(clips: pd.DataFrame, seed: int, per_group: int, per_origin: int) -> pd.DataFrame:
    """The clips that are long enough, at most so many a group and an origin, in the order of a hash, with their origin."""
    long_enough = clips[clips["samples"] >= SHORTEST_S * SAMPLE_RATE]
    chosen = in_drawn_order(long_enough.assign(origin=origins_of(long_enough)), seed, "floors")
    chosen = chosen[chosen.groupby("group").cumcount() < per_group]
    return chosen[chosen.groupby("origin").cumcount() < per_origin]


def floors_of_groups(found: list[tuple[str, Floor]]) -> list[Floor]:
    """One floor of each group, the mean in dB of its clips' floors; at most ``ROWS``."""
    groups: dict[str, list[Floor]] = {}
    for group, floor in found:
        groups.setdefault(group, []).append(floor)
    return [
        Floor(
            np.mean([floor.level_db for floor in floors], axis=0),
            float(np.median([floor.reach_hz for floor in floors])),
            floors[0].origin,
        )
        for floors in groups.values()
    ][:ROWS]


def _floor_of(clip: dict[str, Any]) -> tuple[str, Floor] | None:
    audio, _ = read_audio(Path(clip["flac"]), 0, int(LONGEST_S * SAMPLE_RATE))
    floor = measure_floor(audio.mean(axis=0), LEAST_CUTOFF_HZ)
    if floor is None:
        return None
    level_db = level_of(floor)
    if level_db[(HERTZ > LEAST_CUTOFF_HZ / 2) & (HERTZ < LEAST_CUTOFF_HZ)].mean() < LEAST_DB:
        return None
    reach_hz = BELOW_REACH * min(float(clip["bandwidth_hz"]), SAMPLE_RATE / 2)
    if Path(clip["path"]).suffix.lower() in ENCODED:
        reach_hz = min(reach_hz, ENCODED_REACH_HZ)
    return clip["group"], Floor(level_db, reach_hz, clip["origin"])
