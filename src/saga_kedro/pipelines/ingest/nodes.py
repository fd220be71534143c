"""Nodes of the pipeline `ingest`."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

logger = logging.getLogger(__name__)


def find_clips(
    ingest: dict[str, Any], repositories: list[dict[str, Any]], seed: int, raw_folder: str, findings_folder: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, str]:
    """List what a source offers, and split it by groups.

    Args:
        ingest: the section of parameters.
        repositories: the section of parameters, for the source git.
        seed: of the demo's audio and of the splits.
        raw_folder: where a source that makes or downloads audio puts it.
        findings_folder: what was found in files before.

    Returns:
        The manifest, the rejected files with their reasons, and the files of pairs (empty for other sources), and the version
        of the data: the hash of the manifest and of what made it.
    """
    from saga_kedro.configuration import corpus_parameters
    from saga_kedro.corpora.ingest import ingest_source
    from saga_kedro.corpora.manifest import data_version

    manifest, rejected, pair_table = ingest_source(ingest, seed, raw_folder, findings_folder, repositories)
    hours = manifest["duration_s"].sum() / 3600
    logger.info("%d clips, %.2f hours; %d rejected.", len(manifest), hours, len(rejected))
    for row in rejected.head(5).itertuples():
        logger.warning("rejected %s: %s", row.path, row.reason)
    return manifest, rejected, pair_table, data_version(manifest, corpus_parameters(ingest, repositories) | {"seed": seed})
