"""ESC-50 (github.com/karolpiczak/ESC-50): 2,000 environmental sounds of 5 s, 44.1 kHz mono, in five folds.

::

    audio/<fold>-<freesound clip>-<take>-<target>.wav
    meta/esc50.csv            filename,fold,target,category,esc10,src_file,take
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saga_kedro.corpora.layouts.root import root_of
from saga_kedro.corpora.manifest import Source

TEST_FOLD = "5"
"""The paper tests on it."""


def find_esc50(path: str | Path) -> list[Source]:
    """Every file of the index; the group is the recording on Freesound that it was cut from. The ten classes of ESC-10 have a
    freer licence.
    """
    root = root_of(path, "meta/esc50.csv", "ESC-50")
    return [
        Source(
            root / "audio" / row["filename"],
            "effects",
            f"esc50/{row['src_file']}",
            "CC-BY-3.0" if row["esc10"] == "True" else "CC-BY-NC-3.0",
            "test" if row["fold"] == TEST_FOLD else "train",
        )
        for row in pd.read_csv(root / "meta" / "esc50.csv", dtype=str).sort_values("filename").to_dict("records")
    ]
