"""Nodes of the pipeline `degrade`."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

logger = logging.getLogger(__name__)


def make_evaluation_pairs(
    clips: pd.DataFrame, pair_table: pd.DataFrame, degrade: dict[str, Any], pairs_folder: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Low-pass excerpts of the test split; take pairs that came as pairs as they are.

    Args:
        clips: resampled clips.
        pair_table: files of pairs, empty unless the source is ``pairs``.
        degrade: the section of parameters.
        pairs_folder: where the audio goes.

    Returns:
        The pairs, and what could not be one with the reasons.
    """
    from saga_kedro.evaluation.pairs import make_pairs, pairs_from_table

    if len(pair_table):
        pairs, rejected = pairs_from_table(pair_table, pairs_folder)
    else:
        pairs, rejected = make_pairs(
            clips[clips["split"] == "test"],
            pairs_folder,
            cutoffs_khz=degrade["cutoffs_khz"],
            order=degrade["order"],
            excerpt_seconds=degrade["excerpt_seconds"],
            per_category=degrade["pairs_per_category"],
        )
    logger.info("%d evaluation pairs; %d clips cannot be one.", len(pairs), len(rejected))
    return pairs, rejected
