"""MUSDB18-HQ (zenodo.org/records/3338373): 150 songs, 50 of them the official test set; 44.1 kHz stereo.

::

    train/<artist> - <song>/{mixture,drums,bass,other,vocals}.wav
    test/...
"""

from __future__ import annotations

from pathlib import Path

from saga_kedro.corpora.layouts.root import root_of
from saga_kedro.corpora.manifest import Source

LICENCE = "academic use only; parts are CC-BY-NC-SA"


def find_musdb18_hq(path: str | Path) -> list[Source]:
    """The mixes; stems are left out, since they are in the mixes. The group is the song: some artists are in both official
    splits.
    """
    root = root_of(path, "*/*/mixture.wav", "MUSDB18-HQ")
    return [
        Source(mix, "music", f"musdb18_hq/{mix.parent.name}", LICENCE, "test" if split == "test" else "train")
        for split in ("test", "train")
        for mix in sorted(root.glob(f"{split}/*/mixture.wav"))
    ]
