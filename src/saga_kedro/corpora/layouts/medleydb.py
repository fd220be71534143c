"""MedleyDB V1 and V2 (medleydb.weebly.com): 196 multitracks, 44.1 kHz stereo.

::

    [V1|V2|Audio/]<Artist>_<Title>/<Artist>_<Title>_MIX.wav
                                   <Artist>_<Title>_STEMS/*.wav
                                   <Artist>_<Title>_RAW/*.wav
"""

from __future__ import annotations

from pathlib import Path

from saga_kedro.corpora.manifest import Source

LICENCE = "CC-BY-NC-SA-4.0"
MIX = "_MIX.wav"


def find_medleydb(path: str | Path) -> list[Source]:
    """The mixes of either version or of both; stems and raw tracks are left out, since they are in the mixes. The group is the
    artist, as MedleyDB's own artist-conditional splits have it.
    """
    mixes = sorted(mix for mix in Path(path).rglob(f"*{MIX}") if mix.name == mix.parent.name + MIX)
    if not mixes:
        raise ValueError(f"{path} is not laid out as MedleyDB: no <Artist>_<Title>/<Artist>_<Title>{MIX} (ingest.path).")
    return [Source(mix, "music", f"medleydb/{mix.parent.name.split('_')[0]}", LICENCE) for mix in mixes]
