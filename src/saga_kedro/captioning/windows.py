"""Which stretch of a clip a caption is about: fixed windows, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga_kedro.audio import SAMPLE_RATE

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_TAIL_S = 1.5  # as the authors' code cuts segments


def window_table(clips: pd.DataFrame, window_seconds: float = 5.94, rate: int = SAMPLE_RATE) -> pd.DataFrame:
    """The windows of clips (clip_id, samples at ``rate``), in order: clip_id, window (0, 1, ...), start_s, start, samples.

    A tail under 1.5 s gets no window, unless it is the whole clip.
    """
    import pandas as pd

    length, shortest = round(window_seconds * rate), round(SHORTEST_TAIL_S * rate)
    rows = [
        (clip_id, start // length, start / rate, start, min(length, total - start))
        for clip_id, total in zip(clips["clip_id"], clips["samples"].astype(int), strict=True)
        for start in range(0, total, length)
        if start == 0 or start + length < total or total - start >= shortest
    ]
    return pd.DataFrame(rows, columns=["clip_id", "window", "start_s", "start", "samples"])


def window_at(time_s: float, windows: int, window_seconds: float = 5.94) -> int:
    """Number of the window that holds a time of the clip; times in a tail without a window belong to the last one."""
    return min(max(0, int(time_s / window_seconds)), windows - 1)
