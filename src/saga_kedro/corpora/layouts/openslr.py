"""Speech corpora of openslr.org, of two kinds, which may lie side by side.

LibriTTS and those that follow it (SLR60, LibriTTS-R SLR141)::

    LibriTTS/{train,dev,test}-.../<speaker>/<chapter>/<speaker>_<chapter>_<paragraph>_<sentence>.wav

Flat ones: Google's crowdsourced corpora (SLR32, 41 to 44, 61 to 66, 69 to 80, 83)::

    es_pe_female/pef_00610_00017485.wav       <language and gender>_<speaker>_<sentence>
"""

from __future__ import annotations

import re
from pathlib import Path

from saga_kedro.corpora.folder import audio_files, group_of
from saga_kedro.corpora.manifest import OfficialSplit, Source

SUBSET = re.compile(r"(?P<split>train|dev|test)-[^/]+/(?P<speaker>\d+)/\d+/[^/]+$")
FLAT = re.compile(r"(?P<speaker>[a-z]{2,4}_\d+)_\d+$")


def find_openslr(path: str | Path) -> list[Source]:
    """Every recording, by speaker; the subsets ``test-...`` are the official test split.

    LibriVox numbers its speakers, and every corpus made of it keeps the numbers. Files of neither kind are taken too: their
    speaker is the folder they lie in, or the beginning of their name.
    """
    root = Path(path)
    files = audio_files(root)
    if not files:
        raise ValueError(f"{root} holds no audio: give the folder that OpenSLR's archives were unpacked in (ingest.path).")
    return [_source(root, file) for file in files]


def _source(root: Path, file: Path) -> Source:
    # from one folder further up: the root may be a subset itself
    relative = file.relative_to(root).as_posix()
    subset = SUBSET.search(f"{root.absolute().name}/{relative}")
    if subset is not None:
        split: OfficialSplit = "test" if subset["split"] == "test" else "train"
        return Source(file, "speech", f"openslr/{subset['speaker']}", "CC-BY-4.0", split)
    flat = FLAT.match(file.stem)
    if flat is not None:
        return Source(file, "speech", f"openslr/{flat['speaker']}", "CC-BY-SA-4.0")
    return Source(file, "speech", f"openslr/{group_of(file.relative_to(root), 'speech')}", "see openslr.org")
