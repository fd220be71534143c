"""Nodes of the pipeline `caption_pairs`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def caption_pairs(pairs: pd.DataFrame, caption: dict[str, Any], pair_captions_folder: str) -> pd.DataFrame:
    """Describe every window of every low-resolution input.

    Args:
        pairs: evaluation pairs.
        caption: the section of parameters.
        pair_captions_folder: what is done already.

    Returns:
        pair_id, window, start_s, caption.
    """
    from saga_kedro.captioning.sources import captions_of
    from saga_kedro.parameters import Caption

    inputs = pairs.assign(clip_id=pairs["pair_id"])
    captions = captions_of(inputs, Caption(**caption), pair_captions_folder, path_column="low")
    return captions.rename(columns={"clip_id": "pair_id"})
