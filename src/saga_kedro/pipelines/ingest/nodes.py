"""Nodes of the pipeline `ingest`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def find_clips(
    ingest: dict[str, Any], repositories: list[dict[str, Any]], seed: int, raw_folder: str, findings_folder: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, str]:
    """`corpora.ingest.find_clips`."""
    from saga_kedro.corpora import ingest as corpora
    from saga_kedro.parameters import Ingest, Repository

    listed = [Repository.model_validate(one) for one in repositories]
    return corpora.find_clips(Ingest(**ingest), listed, seed, raw_folder, findings_folder)
