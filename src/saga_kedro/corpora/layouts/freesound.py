"""Sounds of freesound.org, as three kinds of collections lay them out; several may lie side by side.

FSD50K (zenodo.org/records/4060432)::

    FSD50K.{dev,eval}_audio/<sound>.wav
    FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json

With what Freesound's API says of a sound beside it, as LAION-Audio-630K has it::

    <any folders>/<sound>.flac, <sound>.json        "username" and "license", at the top or in "original_data"

As one downloads them::

    <any folders>/<sound>__<username>__<title>.wav
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saga_kedro.corpora.folder import audio_files
from saga_kedro.corpora.manifest import OfficialSplit, Source

SPLITS: dict[str, OfficialSplit] = {"FSD50K.dev_audio": "train", "FSD50K.eval_audio": "test"}


def find_freesound(path: str | Path) -> list[Source]:
    """Every sound as effects, by the recordist who uploaded it (a sound without one is its own group); FSD50K's evaluation set
    is the official test split.
    """
    files = audio_files(path)
    if not files:
        raise ValueError(f"{path} holds no audio: give the folder that holds the sounds of Freesound (ingest.path).")
    described = {folder: _fsd50k(folder) for folder in {file.parent for file in files} if folder.name in SPLITS}
    return [_source(file, described.get(file.parent)) for file in files]


def _source(file: Path, described: dict[str, Any] | None) -> Source:
    about = _beside(file) if described is None else described.get(file.stem, {})
    named = file.stem.split("__", 2)
    recordist = about.get("username") or about.get("uploader") or (named[1] if len(named) > 1 else f"unknown/{file.stem}")
    split = SPLITS.get(file.parent.name, "")
    return Source(file, "effects", f"freesound/{recordist}", str(about.get("license") or ""), split)


def _fsd50k(audio: Path) -> dict[str, Any]:
    """What FSD50K says of each sound in a folder of audio, by the sound's number."""
    part = audio.name.removeprefix("FSD50K.").removesuffix("_audio")
    index = audio.parent / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
    if not index.is_file():
        raise ValueError(f"FSD50K in {audio.parent} lacks {index.relative_to(audio.parent)}: recordists and licences.")
    return json.loads(index.read_text())


def _beside(file: Path) -> dict[str, Any]:
    description = file.with_suffix(".json")
    if not description.is_file():
        return {}
    about = json.loads(description.read_text())
    original = about.get("original_data")
    return about | (original if isinstance(original, dict) else {})
