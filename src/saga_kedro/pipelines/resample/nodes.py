"""Nodes of the pipeline `resample`."""

from __future__ import annotations

import pandas as pd


def resample(manifest: pd.DataFrame, clips_folder: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`corpora.resampled.resample`."""
    from saga_kedro.corpora import resampled

    return resampled.resample(manifest, clips_folder)
