"""Files that are either whole or absent, and the hashes that name them."""

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

from saga_kedro.errors import SagaError

FULL = (errno.ENOSPC, errno.EDQUOT)
NOTHING = 2**16
"""Bytes; with less free than this nothing can be written, whatever error the library raises."""


class NoSpace(SagaError):
    """A device is full. Not an OSError: those are caught as faults of single items."""


def free_bytes(path: str | Path) -> int:
    """Free bytes where ``path`` is, or would be."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(one for one in (path, *path.parents) if one.exists())).free


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it is renamed to ``path`` when the block ends well, and removed otherwise.

    The suffix is kept (libraries choose a format by it) and parent folders are made.

    Raises:
        NoSpace: the device is full, or a quota is used up.
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
        free = free_bytes(path.parent)
        if getattr(error, "errno", None) not in FULL and free >= NOTHING:
            raise
        raise NoSpace(
            f"No space is left on the device of {path.parent} ({free / 1e6:.1f} MB are free), and {path.name} could not be "
            "written; make room and run the same command again: finished work is skipped."
        ) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def content_hash(path: str | Path) -> str:
    """BLAKE2b hash of a file's bytes: 32 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@lru_cache
def source_hash() -> str:
    """Hash of this package's code, wherever it is installed: ten digits."""
    root = Path(__file__).parent
    return parameter_hash([(file.relative_to(root).as_posix(), content_hash(file)) for file in sorted(root.rglob("*.py"))])[:10]


def parameter_hash(*parameters: Any) -> str:
    """BLAKE2b hash of JSON-like values, whatever the order of their keys: 32 hexadecimal digits."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def names_in(folder: str | Path) -> set[str]:
    """The names in a folder; empty if there is none. One listing is quicker than many questions."""
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def keep_only(folder: str | Path, wanted: Iterable[str | Path]) -> int:
    """Remove every file under ``folder`` that is not in ``wanted``; return how many."""
    real = lru_cache(Path.resolve)  # of folders: resolving half a million files takes a minute
    kept = {(real(path.parent), path.name) for path in map(Path, wanted)}
    stale = [path for path in Path(folder).rglob("*") if path.is_file() and (real(path.parent), path.name) not in kept]
    for path in stale:
        path.unlink()
    return len(stale)
