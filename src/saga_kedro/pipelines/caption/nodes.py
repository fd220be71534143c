"""Nodes of the pipeline `caption`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def caption(clips: pd.DataFrame, caption: dict[str, Any], captions_folder: str) -> pd.DataFrame:
    """Describe every window of every clip that is trained on.

    Args:
        clips: resampled clips.
        caption: the section of parameters.
        captions_folder: what is done already.

    Returns:
        clip_id, window, start_s, caption.
    """
    from saga_kedro.captioning.sources import captions_of
    from saga_kedro.parameters import Caption

    return captions_of(clips[clips["split"] != "test"], Caption(**caption), captions_folder)
