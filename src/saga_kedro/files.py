"""Files that are either whole or absent, and the hashes that name them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)
NO_SPACE = "No space is left on the device"
SQLITE_FULL = "database or disk is full"
FULL_IN_WORDS = (NO_SPACE, "No space left on device", "Disk quota exceeded", SQLITE_FULL, "(os error 28)")
NOTHING = 2**16
"""Bytes; with less than so much free nothing can be written, whatever the library that failed says of it."""


class NoSpace(Exception):
    """A device is full. Not an OSError, so that nobody takes it for what is wrong with one item and goes on to the next."""


def full_device(error: BaseException) -> BaseException | None:
    """The error of a full device or a used-up quota that ``error`` is or comes from: best a `NoSpace`, which knows the file."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None:
        chain.append(one)
        one = one.__cause__ or one.__context__
    named = [one for one in chain if isinstance(one, NoSpace)]
    return next(iter(named + [one for one in chain if _says_full(one)]), None)


def _says_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in FULL) or full_in_words(str(error))


def full_in_words(text: str) -> bool:
    """Whether a message is of a full device."""
    return any(words in text for words in FULL_IN_WORDS)


def free_bytes(path: str | Path) -> int:
    """Bytes that are free where ``path`` is, or would be."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(one for one in (path, *path.parents) if one.exists())).free


def no_space(what: str, where: str | Path) -> str:
    """The sentence about a full device: ``what`` could not be written, and ``where`` it was to be."""
    return (
        f"{NO_SPACE} of {where} ({free_bytes(where) / 1e6:.1f} MB are free): {what}; "
        "make room, and the same command goes on from what is finished."
    )


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it is renamed to ``path`` when the block ends well, and removed otherwise.

    The suffix is kept (libraries choose a format by it) and parent folders are made.

    Raises:
        NoSpace: the device is full; the sentence says which file needs how much.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except Exception as error:
        if isinstance(error, NoSpace) or not (full_device(error) or free_bytes(path.parent) < NOTHING):
            raise
        written = temporary.stat().st_size if temporary and temporary.exists() else 0
        if temporary:
            temporary.unlink(missing_ok=True)
        # How large it would have become is not known: more than there is room for, and what it replaces is mostly as large.
        least = max(written, free_bytes(path.parent)) / 1e6
        before = f" (the one before has {path.stat().st_size / 1e6:.1f} MB)" if path.exists() else ""
        needs = f"{path.name}, which was being written, needs more than {least:.1f} MB{before}"
        raise NoSpace(no_space(needs, path.parent)) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def content_hash(path: str | Path) -> str:
    """BLAKE2b hash of a file's bytes: 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@lru_cache
def source_hash(*parts: str) -> str:
    """Hash of this package's code, wherever it is installed: ten digits.

    Args:
        parts: files and folders below the package that count; none: all of it.
    """
    root = Path(__file__).parent
    places = [root / part for part in parts or (".",)]
    files = sorted({file for place in places for file in ([place] if place.suffix == ".py" else place.rglob("*.py"))})
    return parameter_hash([(file.relative_to(root).as_posix(), content_hash(file)) for file in files])[:10]


def parameter_hash(*parameters: Any) -> str:
    """BLAKE2b hash of JSON-like values, whatever the order of their keys: 32 hexadecimal digits."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def names_in(folder: str | Path) -> set[str]:
    """What lies in a folder, by name; nothing where there is no folder. One listing is quicker than to ask for each of many."""
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def keep_only(folder: str | Path, wanted: Iterable[str | Path]) -> int:
    """Remove every file under ``folder`` that is not in ``wanted``, so that a dataset's folder holds exactly the dataset.

    Returns:
        How many files were removed.
    """
    real = lru_cache(Path.resolve)  # of folders: to look at every part of every path takes a minute for half a million files
    kept = {(real(path.parent), path.name) for path in map(Path, wanted)}
    stale = [path for path in Path(folder).rglob("*") if path.is_file() and (real(path.parent), path.name) not in kept]
    for path in stale:
        path.unlink()
    return len(stale)
