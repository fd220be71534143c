"""Captions that somebody brings: a CSV or parquet table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.captioning.windows import window_table


def captions_from_table(
    table: str | Path, clips: pd.DataFrame, window_seconds: float, project: str | Path = "."
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Look the captions of clips up in a table.

    The table has a column ``caption``, and ``clip_id`` or ``path`` (absolute, or relative to the table's folder or to
    the project's). With a column ``window`` a caption is that window's; with ``start_s`` (seconds from the start of the
    file) it holds from there to the next one; with neither it is the whole clip's. Rows about other clips are ignored.

    Args:
        table: a .csv or .parquet file.
        clips: the manifest after resampling: columns ``clip_id``, ``samples`` (at 44.1 kHz), ``path`` where the table
            goes by paths, and ``start_s`` where rows are ranges of files.
        window_seconds: length of a window.
        project: folder that the manifest's relative paths start from.

    Returns:
        Captions with columns ``clip_id``, ``window``, ``start_s``, ``caption``, without the clips of the second table;
        and the clips left out, ``clip_id`` and ``reason``.

    Raises:
        ValueError: the table is unreadable, lacks a column, or has two captions for one place.
    """
    table = Path(table)
    given = _read(table)
    key = "clip_id" if "clip_id" in given else "path"
    place = next((column for column in ("window", "start_s") if column in given), None)
    twice = given[given.duplicated([key, place] if place else [key])]
    if len(twice):
        raise ValueError(f"{table} has two captions for {twice[key].iloc[0]}: keep one for each {place or 'clip'}.")
    if key == "path":
        given = given.assign(path=[_absolute(str(path), table.parent, project) for path in given["path"]])
        paths = [(Path(project) / str(path)).resolve().as_posix() for path in clips["path"]]
        wanted = dict(zip(clips["clip_id"], paths, strict=True))
    else:
        wanted = {clip_id: clip_id for clip_id in clips["clip_id"]}
    by_key = {name: rows for name, rows in given.groupby(key)}
    offset = dict(zip(clips["clip_id"], clips["start_s"], strict=True)) if "start_s" in clips else {}

    windows = window_table(clips, window_seconds)
    middles = windows["start_s"] + windows["samples"] / SAMPLE_RATE / 2
    captions: list[str] = []
    missing: dict[str, str] = {}
    for clip_id, window, middle_s in zip(windows["clip_id"], windows["window"], middles, strict=True):
        rows = by_key.get(wanted[clip_id])
        captions.append("" if rows is None else _caption(rows, place, window, offset.get(clip_id, 0.0) + middle_s))
        if not captions[-1]:
            missing.setdefault(clip_id, "not in the caption table" if rows is None else f"no caption for window {window}")
    found = windows[["clip_id", "window", "start_s"]].assign(caption=captions)
    left_out = pd.DataFrame(list(missing.items()), columns=["clip_id", "reason"])
    return found[~found["clip_id"].isin(left_out["clip_id"])].reset_index(drop=True), left_out


def _read(table: Path) -> pd.DataFrame:
    suffix = table.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{table}: captions come as .csv or .parquet.")
    try:
        # a clip_id may look like a number, and a caption like "nan"
        given = pd.read_csv(table, dtype=str, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise ValueError(f"{table} cannot be read as a table of captions: {error}") from error
    if "caption" not in given or not {"clip_id", "path"} & set(given):
        raise ValueError(f"{table} needs a column caption and one of clip_id and path; it has {', '.join(map(str, given))}.")
    for column in {"window", "start_s"} & set(given):
        numbers = pd.to_numeric(given[column], errors="coerce")
        if numbers.isna().any():
            raise ValueError(f"{table}: {column} holds {given[column][numbers.isna()].iloc[0]!r}, which is not a number.")
        given[column] = numbers
    return given.assign(caption=["" if pd.isna(text) else str(text).strip() for text in given["caption"]])


def _absolute(path: str, folder: Path, project: str | Path) -> str:
    beside_table = (folder / path).resolve()
    return (beside_table if beside_table.exists() else (Path(project) / path).resolve()).as_posix()


def _caption(rows: pd.DataFrame, place: str | None, window: int, middle_s: float) -> str:
    if place == "window":
        rows = rows[rows["window"] == window]
    elif place == "start_s":
        ordered = rows.sort_values("start_s")
        begun = ordered[ordered["start_s"] <= middle_s]
        rows = begun.tail(1) if len(begun) else ordered.head(1)
    return str(rows["caption"].iloc[0]) if len(rows) else ""
