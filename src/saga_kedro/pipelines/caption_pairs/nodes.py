"""Nodes of the pipeline `caption_pairs`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def caption_pairs(pairs: pd.DataFrame, caption: dict[str, Any], pair_captions_folder: str) -> pd.DataFrame:
    """`captioning.captions.caption_pairs`."""
    from saga_kedro.captioning import captions
    from saga_kedro.parameters import Caption

    return captions.caption_pairs(pairs, Caption(**caption), pair_captions_folder)
