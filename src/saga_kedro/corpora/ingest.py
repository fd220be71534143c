"""From the name of a source to a manifest: find the files, listen to them, split them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.corpora.debian import find_debian
from saga_kedro.corpora.demo import INDEX, write_demo
from saga_kedro.corpora.examine import examine_all
from saga_kedro.corpora.folder import find_folder
from saga_kedro.corpora.layouts import LAYOUTS, find_collection
from saga_kedro.corpora.manifest import Rejected, Source, data_version, manifest_frame, rejected_frame
from saga_kedro.corpora.pairs import COLUMNS, find_pairs
from saga_kedro.corpora.repositories import find_repositories
from saga_kedro.corpora.splits import assign_splits
from saga_kedro.parameters import WITHOUT_PATH, Ingest, Repository

logger = logging.getLogger(__name__)


def find_clips(
    ingest: Ingest, repositories: Sequence[Repository], seed: int, raw_folder: str | Path, findings_folder: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, str]:
    """List what a source offers, and split it by groups.

    Audio that is made or downloaded goes to ``raw_folder``. Returns the manifest; the rejected files (``path``, ``reason``);
    the files of pairs (empty for other sources); and the data's version, a hash of the manifest and of what made it. Raises
    FileNotFoundError without the source's folder, ValueError if its layout is another or it holds nothing usable.
    """
    folder = Path(ingest.path or raw_folder)
    if ingest.source not in WITHOUT_PATH and not folder.is_dir():
        raise FileNotFoundError(f"ingest.path={folder} is not a folder: give one that holds audio (source {ingest.source}).")
    if ingest.source == "pairs":
        manifest = manifest_frame([])
        pair_table, refused = find_pairs(folder, ingest.index, ingest.pattern, ingest.cutoff_khz)
        if pair_table.empty:
            raise ValueError(f"{folder} holds no pair that fits ingest.index or ingest.pattern={ingest.pattern!r}.")
    else:
        sources, rejected = _sources(ingest, repositories, seed, folder)
        clips, unusable = examine_all(sources, Path(findings_folder))
        rejected += unusable
        if not clips:
            first = f" The first of {len(rejected)} rejected, {rejected[0].path}: {rejected[0].reason}." if rejected else ""
            raise ValueError(f"{folder} holds no usable audio.{first}")
        held_out = ingest.held_out.model_dump()
        manifest = assign_splits(manifest_frame(clips), seed, ingest.validation, ingest.test, held_out)
        refused, pair_table = rejected_frame(rejected), pd.DataFrame(columns=COLUMNS)
    hours = manifest["duration_s"].sum() / 3600
    logger.info("%d clips, %.2f hours; %d rejected.", len(manifest), hours, len(refused))
    for row in refused.head(5).itertuples():
        logger.warning("rejected %s: %s", row.path, row.reason)
    made_of: dict[str, Any] = {"ingest": ingest.model_dump(exclude={"clones"}), "seed": seed}
    if ingest.source in ("git", "debian+git"):
        made_of["repositories"] = [one.model_dump(exclude_unset=True) for one in repositories]
    return manifest, refused, pair_table, data_version(manifest, made_of)


def _sources(
    ingest: Ingest, repositories: Sequence[Repository], seed: int, folder: Path
) -> tuple[list[Source], list[Rejected]]:
    match ingest.source:
        case "demo":
            write_demo(folder, seed, ingest.demo_minutes)
            return find_folder(folder, INDEX), []
        case "debian":
            return find_debian(folder, ingest.packages)
        case "git":
            return find_repositories(folder, repositories, ingest.clones)
        case "debian+git":
            packages, refused = find_debian(folder, ingest.packages)
            cloned, failed = find_repositories(folder, repositories, ingest.clones)
            return packages + cloned, refused + failed
        case "folder":
            return find_folder(folder, ingest.index), []
        case "collection":
            return find_collection(folder), []
        case layout:
            return LAYOUTS[layout](folder), []
