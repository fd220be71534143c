"""Which package, repository or folder a clip comes from, and in what order clips are taken where not all are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from saga_kedro.draws import seed_of


def origins_of(clips: pd.DataFrame) -> pd.Series:
    """The origin of each clip: its group without the last part."""
    return clips["group"].str.rsplit("/", n=1).str[0]


def in_drawn_order(clips: pd.DataFrame, seed: int, what: str) -> pd.DataFrame:
    """The clips in the order of a hash of (seed, what, clip_id)."""
    return clips.iloc[np.argsort([seed_of(seed, what, clip_id) for clip_id in clips["clip_id"]], kind="stable")]
