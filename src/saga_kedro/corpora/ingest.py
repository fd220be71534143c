"""From the name of a source to a manifest: find the files, listen to them, split them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.corpora.debian import find_debian
from saga_kedro.corpora.demo import INDEX, write_demo
from saga_kedro.corpora.examine import examine_all
from saga_kedro.corpora.folder import find_folder
from saga_kedro.corpora.layouts.collection import LAYOUTS, find_collection
from saga_kedro.corpora.manifest import Rejected, Source, manifest_frame, rejected_frame
from saga_kedro.corpora.pairs import COLUMNS, find_pairs
from saga_kedro.corpora.splits import assign_splits

WITHOUT_PATH = ("demo", "debian")
"""Sources that make or fetch their audio: where nothing else is said they put it into the raw folder."""


def ingest_source(
    ingest: dict[str, Any], seed: int, raw_folder: str | Path, findings_folder: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List what a source offers.

    Args:
        ingest: the section of parameters.
        seed: of the demo's audio and of the splits.
        raw_folder: where a source that makes or fetches its audio puts it.
        findings_folder: what was found in files, by their content: none is listened to twice.

    Returns:
        The manifest; the rejected files, ``path`` and ``reason``; the files of pairs (empty for other sources).

    Raises:
        FileNotFoundError: the source's folder is not there.
        ValueError: the folder is laid out otherwise than the source says, or nothing usable was found.
    """
    folder = Path(ingest["path"] or raw_folder)
    if ingest["source"] not in WITHOUT_PATH and not folder.is_dir():
        raise FileNotFoundError(f"ingest.path={folder} is not a folder: give one that holds audio (source {ingest['source']}).")
    if ingest["source"] == "pairs":
        pairs, refused = find_pairs(folder, ingest["index"], ingest["pattern"], ingest["cutoff_khz"])
        if pairs.empty:
            raise ValueError(f"{folder} holds no pair that fits ingest.index or ingest.pattern={ingest['pattern']!r}.")
        return manifest_frame([]), refused, pairs
    sources, rejected = _sources(ingest, seed, folder)
    clips, unusable = examine_all(sources, cache=Path(findings_folder))
    rejected += unusable
    if not clips:
        first = f" The first of {len(rejected)} rejected, {rejected[0].path}: {rejected[0].reason}." if rejected else ""
        raise ValueError(f"{folder} holds no usable audio.{first}")
    manifest = assign_splits(manifest_frame(clips), seed, ingest["validation"], ingest["test"])
    return manifest, rejected_frame(rejected), pd.DataFrame(columns=COLUMNS)


def _sources(ingest: dict[str, Any], seed: int, folder: Path) -> tuple[list[Source], list[Rejected]]:
    match ingest["source"]:
        case "demo":
            write_demo(folder, seed, ingest["demo_minutes"])
            return find_folder(folder, INDEX), []
        case "debian":
            return find_debian(folder, ingest["packages"])
        case "folder":
            return find_folder(folder, ingest["index"]), []
        case "collection":
            return find_collection(folder), []
        case layout:
            return LAYOUTS[layout](folder), []
