"""Which files are to be super-resolved, and where each result goes."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saga_kedro.audio.files import audio_files, is_audio

FORMATS = {".wav": "wav", ".wave": "wav", ".w64": "wav", ".rf64": "wav", ".ogg": "ogg", ".oga": "ogg", ".opus": "ogg"}
LOSSLESS = "flac"
LONGEST_NAME = 240  # bytes; file systems take 255, and an unfinished file's name is longer


@dataclass(frozen=True)
class Job:
    """One file."""

    source: Path
    target: Path
    overwrite: bool = False  # whether the result may replace a file
    problem: str = ""  # why it cannot be done at all


def find_jobs(inputs: Sequence[Path], out: Path, form: str | None, overwrite: bool) -> list[Job]:
    """The files among and below ``inputs``, each with its place under ``out``, which mirrors the named folders.

    A result is named like its file with the suffix of its format. Files that differ in their suffixes alone keep them
    (``song.mp3.flac``); names too long for a file system are cut, and end in a hash.
    """
    jobs: list[Job] = []
    found: list[tuple[Path, Path, str]] = []  # file, result without suffix, suffix
    for given in inputs:
        files, folder = (_audio_below(given, out), given) if given.is_dir() else ([given], given.parent)
        if not files:
            jobs.append(Job(given, out, overwrite, f"{given}: there is no audio file in this folder."))
        for source in files:
            place = out / source.relative_to(folder)
            found.append((source, place.with_name(_stem(place.name)), f".{form or format_of(source)}"))
    shared = Counter((place, suffix) for _, place, suffix in found)
    taken: dict[Path, Path] = {}
    for source, place, suffix in found:
        name = place.name if shared[place, suffix] == 1 else source.name
        target = place.with_name(_short(name, suffix))
        jobs.append(Job(source, target, overwrite, _problem(source, target, taken.get(target), overwrite)))
        taken.setdefault(target, source)
    return jobs


def _stem(name: str) -> str:
    """A name without the suffix of an audio format: ``take.1`` is a whole name."""
    return Path(name).stem if is_audio(name) else name


def _short(stem: str, suffix: str) -> str:
    if len(os.fsencode(stem + suffix)) <= LONGEST_NAME:
        return stem + suffix
    mark = f"-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{suffix}"
    return os.fsencode(stem)[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark


def format_of(source: Path) -> str:
    """The default format of a file's result."""
    return FORMATS.get(source.suffix.lower(), LOSSLESS)


def _audio_below(folder: Path, out: Path) -> list[Path]:
    """Audio files in a folder's tree, without earlier results under ``out``."""
    results = out.resolve() if out.resolve() != folder.resolve() else None
    return [path for path in audio_files(folder) if results not in Path(os.path.realpath(path)).parents]


def _problem(source: Path, target: Path, other: Path | None, overwrite: bool) -> str:
    if other is not None:
        return f"{source} would be written to the same file as {other}; run them separately, each with its own --out folder."
    try:
        if not source.exists():
            return f"{source}: there is no such file."
        if target.exists() and target.samefile(source):
            return f"{source}: the result would replace the input: name another folder."
        if target.exists() and not overwrite:
            return f"{source}: {target} is there already: --overwrite replaces it."
    except OSError as error:
        return f"{source}: {error.strerror}."
    return ""
