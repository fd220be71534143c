"""Audio files in a tree of folders."""

import os
from pathlib import Path

READABLE = frozenset([
    ".wav", ".wave", ".w64", ".rf64", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".voc", ".paf", ".sf", ".nist", ".sph",
    ".flac", ".ogg", ".oga", ".opus", ".mp3",
])  # fmt: skip
"""Suffixes of what libsndfile reads."""
OTHERS = frozenset([
    ".m4a", ".m4b", ".aac", ".wma", ".mp4", ".mov", ".mkv", ".webm", ".mka", ".amr", ".3gp", ".ape", ".wv",
])  # fmt: skip
"""Suffixes of audio that it does not read: listed like the others, so that a person hears of such files."""


def audio_files(folder: str | Path, follow_links: bool = True) -> list[Path]:
    """Every audio file under ``folder``, by suffix, without hidden ones, sorted; ValueError if it is no folder.

    Links are followed, each folder once. Listed too are links that lead nowhere and folders that cannot be opened: reading them
    says why.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. Give the folder that holds the audio (ingest.path).")
    seen: set[str] = set()
    closed: list[OSError] = []
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, followlinks=follow_links, onerror=closed.append):
        if os.path.realpath(parent) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in names if not name.startswith(".") and is_audio(name)]
    found = [path for path in found if follow_links or not path.is_symlink()] + [Path(error.filename) for error in closed]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def is_audio(name: str) -> bool:
    """Whether a file's suffix is one of audio, readable or not."""
    return Path(name).suffix.lower() in READABLE | OTHERS
