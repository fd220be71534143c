"""Files that are either whole or absent, and the hashes that name them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it is renamed to ``path`` when the block ends well, and removed otherwise.

    The suffix is kept (libraries choose a format by it) and parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
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
