"""The clips that segments are cut from, and their captions, as a table that all processes share.

3,800 hours are half a million clips and two million captions: too much for a dictionary in every process. An Arrow file is
mapped into memory instead, once a machine: nothing parses it, and it is pickled as its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from saga_kedro.files import atomic_path


class SegmentTable:
    """One row a clip: its own columns, the rows of its group, and the captions of its windows.

    ``samples`` is int64 [clips], at 44.1 kHz; ``bandwidth_hz`` float64 [clips]; ``path`` the mapped file, or None.
    """

    def __init__(self, table: pa.Table, path: Path | None = None) -> None:
        self.table, self.path = table.combine_chunks(), path
        self._columns: dict[str, Any] = {name: self.table[name].chunk(0) for name in self.table.column_names}
        self.samples, self.bandwidth_hz = self._numbers("samples"), self._numbers("bandwidth_hz")
        self._by_group, self._first, self._size = map(self._numbers, ("by_group", "group_first", "group_size"))

    @classmethod
    def of_frames(cls, clips: pd.DataFrame, captions: pd.DataFrame | None) -> SegmentTable:
        """Join clips and captions, which may be of other clips too; None where segments are encoded already.

        Args:
            clips: clip_id, group, category, bandwidth_hz, samples and flac (a path).
            captions: clip_id, window, caption.

        Raises:
            ValueError: there is no clip, or one lacks the caption of a window.
        """
        if clips.empty:
            raise ValueError(
                "no clip to draw segments from: ingest more audio, make the other splits smaller, or lower "
                "fit.minimum_bandwidth_hz."
            )
        groups = pd.factorize(clips["group"])[0]
        sizes = np.bincount(groups)
        table = pa.table(
            {
                **{name: _strings(clips[name]) for name in ("clip_id", "category", "flac")},
                "samples": pa.array(clips["samples"].to_numpy(np.int64)),
                "bandwidth_hz": pa.array(clips["bandwidth_hz"].to_numpy(np.float64)),
                "by_group": np.argsort(groups, kind="stable").astype(np.int32),
                "group_first": (np.cumsum(sizes) - sizes)[groups].astype(np.int32),
                "group_size": sizes[groups].astype(np.int32),
            }
        )
        return cls(table if captions is None else table.append_column("captions", _by_clip(table["clip_id"], captions)))

    @classmethod
    def open(cls, path: str | Path) -> SegmentTable:
        """Map a file of `write` into memory."""
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).read_all(), Path(path))

    def write(self, path: str | Path) -> SegmentTable:
        """Write it to a file, whole or not at all, and open that."""
        with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), self.table.schema) as file:
            file.write_table(self.table)
        return self.open(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return (SegmentTable.open, (self.path,)) if self.path else (SegmentTable, (self.table,))

    def __len__(self) -> int:
        return self.table.num_rows

    def clip_id(self, row: int) -> str:
        return self._columns["clip_id"][row].as_py()

    def category(self, row: int) -> str:
        return self._columns["category"][row].as_py()

    def flac(self, row: int) -> str:
        return self._columns["flac"][row].as_py()

    def group(self, row: int) -> np.ndarray:
        """The rows of the clip's group, itself included, in ascending order."""
        first = self._first[row]
        return self._by_group[first : first + self._size[row]]

    def captions(self, row: int) -> pa.Array:
        """Captions of the clip's windows, in their order."""
        return self._columns["captions"][row].values

    def _numbers(self, name: str) -> np.ndarray:
        return self._columns[name].to_numpy()  # a view


def _by_clip(clip_ids: pa.ChunkedArray, captions: pd.DataFrame) -> pa.Array:
    """The captions of each clip in a list, in the order of the windows; of two for one window the last."""
    row = pc.fill_null(pc.index_in(_strings(captions["clip_id"]), value_set=clip_ids), -1).to_numpy()
    window = captions["window"].to_numpy(np.int64)
    order = np.flatnonzero(row >= 0)
    order = order[np.lexsort((window[order], row[order]))]
    row, window = row[order], window[order]
    last = np.append((row[1:] != row[:-1]) | (window[1:] != window[:-1]), True)[: len(row)]
    order, row, window = order[last], row[last], window[last]
    counts = np.bincount(row, minlength=len(clip_ids))
    first = np.cumsum(counts) - counts
    missing = np.union1d(np.flatnonzero(counts == 0), row[window != np.arange(len(row)) - first[row]])
    if len(missing):
        example = clip_ids[int(missing[0])]
        raise ValueError(f"{len(missing)} clips lack the caption of a window, such as {example}: run the pipeline `caption`.")
    texts = _strings(captions["caption"]).take(pa.array(order))
    return pa.ListArray.from_arrays(np.append(first, len(order)).astype(np.int32), texts)


def _strings(column: pd.Series) -> pa.Array:
    strings = pa.array(column, pa.large_string())  # in chunks, where pandas has it so
    return strings.combine_chunks() if isinstance(strings, pa.ChunkedArray) else strings
