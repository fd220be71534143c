"""Nodes of the pipeline `resample`."""

from __future__ import annotations

import logging

import pandas as pd

logger = logging.getLogger(__name__)


def resample(manifest: pd.DataFrame, clips_folder: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write each clip at 44.1 kHz, mono or stereo.

    Args:
        manifest: the clips.
        clips_folder: where the FLAC files go.

    Returns:
        The manifest with the columns ``flac`` and ``samples``, and the clips that could not be resampled with the reasons.
    """
    from saga_kedro.corpora.resampled import resample_clips

    clips, rejected = resample_clips(manifest, clips_folder)
    for row in rejected.itertuples():
        logger.warning("not resampled %s: %s", row.path, row.reason)
    return clips, rejected
