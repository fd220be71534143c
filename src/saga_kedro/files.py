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
from pathlib import Path
from typing import Any

from click import ClickException

FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_IN_WORDS = ("No space left on device", "Disk quota exceeded", "database or disk is full", "(os error 28)")
NOTHING = 2**16
"""Bytes; with less than so much free nothing can be written, whatever the library that failed says of it."""


class NoSpace(ClickException):
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
    return (isinstance(error, OSError) and error.errno in FULL) or any(words in str(error) for words in FULL_IN_WORDS)


def free_bytes(path: str | Path) -> int:
    """Bytes that are free where ``path`` is, or would be."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(one for one in (path, *path.parents) if one.exists())).free


def no_space(what: str, where: str | Path) -> str:
    """The sentence about a full device: ``what`` could not be written, and ``where`` it was to be."""
    return (
        f"No space is left on the device of {where} ({free_bytes(where) / 1e6:.1f} MB are free): {what}. "
        "Make room, and give the same command again: what is finished stays, and it goes on from there."
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
        # The rest of it is not known; what it replaces is mostly as large.
        before = f" (the one before has {path.stat().st_size / 1e6:.1f} MB)" if path.exists() else ""
        if temporary:
            temporary.unlink(missing_ok=True)
        needs = f"{path.name}, which was being written, needs more than {written / 1e6:.1f} MB{before}"
        raise NoSpace(no_space(needs, path.parent)) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def content_hash(path: str | Path) -> str:
    """BLAKE2b hash of a file's bytes: 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def parameter_hash(*parameters: Any) -> str:
    """BLAKE2b hash of JSON-like values, whatever the order of their keys: 32 hexadecimal digits."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def keep_only(folder: str | Path, wanted: Iterable[str | Path]) -> int:
    """Remove every file under ``folder`` that is not in ``wanted``, so that a dataset's folder holds exactly the dataset.

    Returns:
        How many files were removed.
    """
    folder = Path(folder)
    kept = {Path(path).resolve() for path in wanted}
    stale = [path for path in folder.rglob("*") if path.is_file() and path.resolve() not in kept]
    for path in stale:
        path.unlink()
    return len(stale)
