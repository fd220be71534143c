"""Captions that somebody brings: a CSV or Parquet table."""

from pathlib import Path

import pandas as pd

from saga_kedro.captioning.windows import window_table


def captions_from_table(table: str | Path, clips: pd.DataFrame, window_seconds: float) -> pd.DataFrame:
    """Look up the captions of clips (``clip_id``, ``samples`` at 44.1 kHz) in a table: clip_id, window, start_s, caption.

    The table is a .csv or .parquet file with ``clip_id``, ``caption`` and, for clips with several, ``window`` (0, 1, ...);
    other clips' rows are ignored. ValueError if it is unreadable, or a column is missing, or a place has no caption or two.
    """
    table = Path(table)
    given = _read(table)
    keys = [name for name in ("clip_id", "window") if name in given]
    twice = given[given.duplicated(keys)]
    if len(twice):
        raise ValueError(f"{table} has two captions for {twice['clip_id'].iloc[0]}: keep one for each {keys[-1]}.")
    found = window_table(clips, window_seconds)[["clip_id", "window", "start_s"]]
    found = found.merge(given[[*keys, "caption"]], how="left", on=keys)
    missing = found.loc[found["caption"].fillna("") == "", "clip_id"].unique()
    if len(missing):
        raise ValueError(
            f"{table} has no caption for {len(missing)} of {len(clips)} clips, such as {missing[0]}: add their rows, "
            "or choose another caption.source."
        )
    return found


def _read(table: Path) -> pd.DataFrame:
    suffix = table.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ValueError(f"{table}: captions come as .csv or .parquet.")
    try:
        # a clip_id may look like a number, and a caption like "nan"
        given = pd.read_csv(table, dtype=str, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(table)
    except (OSError, ValueError) as error:
        raise ValueError(f"{table} cannot be read as a table of captions: {error}") from error
    if not {"caption", "clip_id"} <= set(given):
        raise ValueError(f"{table} needs the columns clip_id and caption; it has {', '.join(map(str, given))}.")
    if "window" in given:
        numbers = pd.to_numeric(given["window"], errors="coerce")
        if numbers.isna().any():
            raise ValueError(f"{table}: window holds {given['window'][numbers.isna()].iloc[0]!r}, which is not a number.")
        given["window"] = numbers
    return given.assign(caption=["" if pd.isna(text) else str(text).strip() for text in given["caption"]])
