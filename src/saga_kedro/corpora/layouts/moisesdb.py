"""MoisesDB (github.com/moises-ai/moises-db): 240 songs by 47 artists as multitracks, 44.1 kHz stereo.

::

    moisesdb_v0.1/<song's uuid>/data.json
                                <stem>/<track's uuid>.wav
"""

from __future__ import annotations

import json
from pathlib import Path

from saga_kedro.corpora.manifest import Source

LICENCE = "CC-BY-NC-SA-4.0"


def find_moisesdb(path: str | Path) -> list[Source]:
    """Every track that a song's ``data.json`` lists: the corpus has no mixes. The group is the artist."""
    songs = sorted(Path(path).rglob("data.json"))
    if not songs:
        raise ValueError(f"{path} is not laid out as MoisesDB: it holds no <song>/data.json (ingest.path).")
    return [source for song in songs for source in _tracks(song)]


def _tracks(song: Path) -> list[Source]:
    described = json.loads(song.read_text())
    group = f"moisesdb/{described.get('artist') or song.parent.name}"
    return [
        Source(song.parent / stem["stemName"] / f"{track['id']}.{track.get('extension') or 'wav'}", "music", group, LICENCE)
        for stem in described["stems"]
        for track in stem["tracks"]
    ]
