"""Nodes of the pipeline `degrade`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def make_evaluation_pairs(
    clips: pd.DataFrame, pair_table: pd.DataFrame, degrade: dict[str, Any], pairs_folder: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As `saga_kedro.evaluation.pairs.make_pairs`."""
    from saga_kedro.evaluation.pairs import make_pairs
    from saga_kedro.parameters import Degrade

    return make_pairs(clips, pair_table, Degrade.model_validate(degrade), pairs_folder)
