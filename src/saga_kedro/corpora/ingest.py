"""From the name of a source to a manifest: find the files, listen to them, split them."""

from __future__ import annotations

from collections.abc import Sequence
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
from saga_kedro.corpora.repositories import find_repositories
from saga_kedro.corpora.splits import assign_splits
from saga_kedro.parameters import WITHOUT_PATH, Repository


def ingest_source(
    ingest: dict[str, Any],
    seed: int,
    raw_folder: str | Path,
    findings_folder: str | Path,
    repositories: Sequence[dict[str, Any]] = (),
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """List what a source offers.

    Args:
        ingest: the section of parameters.
        seed: of the demo's audio and of the splits.
        raw_folder: where a source that makes or fetches its audio puts it.
        findings_folder: what was found in files, by their content: none is listened to twice.
        repositories: that section, for the source git.

    Returns:
        The manifest; the rejected files, ``path`` and ``reason``; the files of pairs (empty for other sources).

    Raises:
        FileNotFoundError: the source's folder is not there.
        ValueError: the folder is laid out otherwise than the source says, or nothing usable was found, or nothing of an
            origin that is to be held out.
    """
    folder = Path(ingest["path"] or raw_folder)
    if ingest["source"] not in WITHOUT_PATH and not folder.is_dir():
        raise FileNotFoundError(f"ingest.path={folder} is not a folder: give one that holds audio (source {ingest['source']}).")
    if ingest["source"] == "pairs":
        pairs, refused = find_pairs(folder, ingest["index"], ingest["pattern"], ingest["cutoff_khz"])
        if pairs.empty:
            raise ValueError(f"{folder} holds no pair that fits ingest.index or ingest.pattern={ingest['pattern']!r}.")
        return manifest_frame([]), refused, pairs
    sources, rejected = _sources(ingest, seed, folder, repositories)
    clips, unusable = examine_all(sources, cache=Path(findings_folder))
    rejected += unusable
    if not clips:
        first = f" The first of {len(rejected)} rejected, {rejected[0].path}: {rejected[0].reason}." if rejected else ""
        raise ValueError(f"{folder} holds no usable audio.{first}")
    manifest = assign_splits(manifest_frame(clips), seed, ingest["validation"], ingest["test"], ingest["held_out"])
    return manifest, rejected_frame(rejected), pd.DataFrame(columns=COLUMNS)


def _sources(
    ingest: dict[str, Any], seed: int, folder: Path, repositories: Sequence[dict[str, Any]]
) -> tuple[list[Source], list[Rejected]]:
    match ingest["source"]:
        case "demo":
            write_demo(folder, seed, ingest["demo_minutes"])
            return find_folder(folder, INDEX), []
        case "debian":
            return find_debian(folder, ingest["packages"])
        case "git":
            return find_repositories(folder, [Repository.model_validate(one) for one in repositories], ingest["clones"])
        case "debian+git":
            both = [_sources(ingest | {"source": source}, seed, folder, repositories) for source in ("debian", "git")]
            return [source for found, _ in both for source in found], [item for _, refused in both for item in refused]
        case "folder":
            return find_folder(folder, ingest["index"]), []
        case "collection":
            return find_collection(folder), []
        case layout:
            return LAYOUTS[layout](folder), []
