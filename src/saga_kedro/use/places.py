"""Which files are to be super-resolved, and where each result goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Folders are searched for these; a file that is named may have any suffix.
SUFFIXES = frozenset([
    ".wav", ".wave", ".w64", ".rf64", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".voc", ".paf", ".sf", ".nist", ".sph",
    ".flac", ".ogg", ".oga", ".opus", ".mp3",
])  # fmt: skip
FORMATS = {".wav": "wav", ".wave": "wav", ".w64": "wav", ".rf64": "wav", ".ogg": "ogg", ".oga": "ogg", ".opus": "ogg"}
LOSSLESS = "flac"


@dataclass(frozen=True)
class Job:
    """One file."""

    source: Path
    target: Path
    overwrite: bool = False  # whether the result may replace a file
    problem: str = ""  # why it cannot be done at all


def find_jobs(inputs: Sequence[Path], out: Path, form: str | None, overwrite: bool) -> list[Job]:
    """The files among and below ``inputs``, each with its place under ``out``, which mirrors the named folders."""
    jobs: list[Job] = []
    taken: dict[Path, Path] = {}
    for given in inputs:
        folder = given if given.is_dir() else given.parent
        files = _audio_below(given, out) if given.is_dir() else [given]
        if not files:
            jobs.append(Job(given, out, overwrite, f"{given}: there is no audio file in this folder."))
        for source in files:
            target = (out / source.relative_to(folder)).with_suffix(f".{form or format_of(source)}")
            problem = _problem(source, target, taken.get(target), overwrite)
            taken.setdefault(target, source)
            jobs.append(Job(source, target, overwrite, problem))
    return jobs


def format_of(source: Path) -> str:
    """The default format of a file's result."""
    return FORMATS.get(source.suffix.lower(), LOSSLESS)


def _audio_below(folder: Path, out: Path) -> list[Path]:
    """Audio files in a folder's tree, without hidden files and earlier results under ``out``."""
    results = out.resolve() if out.resolve() != folder.resolve() else None
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and path.is_file() and not hidden and results not in path.resolve().parents:
            found.append(path)
    return found


def _problem(source: Path, target: Path, other: Path | None, overwrite: bool) -> str:
    if other is not None:
        return f"{source} would be written to the same file as {other}; run them separately, each with its own --out folder."
    if not source.exists():
        return f"{source}: there is no such file."
    if target.exists() and target.samefile(source):
        return f"{source}: the result would replace the input: name another folder."
    if target.exists() and not overwrite:
        return f"{source}: {target} is there already: --overwrite replaces it."
    return ""
