"""CSTR VCTK 0.92 (datashare.ed.ac.uk/handle/10283/3443): 110 English speakers, 48 kHz mono, two microphones.

::

    wav48_silence_trimmed/<speaker>/<speaker>_<sentence>_mic{1,2}.flac
"""

from __future__ import annotations

from pathlib import Path

from saga_kedro.corpora.layouts.root import root_of
from saga_kedro.corpora.manifest import Source

LICENCE = "CC-BY-4.0"
TEST_SPEAKERS = frozenset({"p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5"})
"""The publishers name none; these eight are what bandwidth extension tests on (NU-Wave 2, ssr_eval, AudioSR)."""


def find_vctk(path: str | Path) -> list[Source]:
    """The first microphone's recordings, by speaker; the second's are of the same sentences."""
    root = root_of(path, "wav48_silence_trimmed/*/*_mic1.flac", "VCTK 0.92")
    return [
        Source(file, "speech", f"vctk/{file.parent.name}", LICENCE, "test" if file.parent.name in TEST_SPEAKERS else "train")
        for file in sorted(root.glob("wav48_silence_trimmed/*/*_mic1.flac"))
    ]
