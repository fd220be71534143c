"""Nodes of the pipeline `caption`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def caption(clips: pd.DataFrame, caption: dict[str, Any], captions_folder: str) -> pd.DataFrame:
    """`captioning.captions.caption`."""
    from saga_kedro.captioning import captions
    from saga_kedro.parameters import Caption

    return captions.caption(clips, Caption(**caption), captions_folder)
