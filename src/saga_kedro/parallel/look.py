"""What a worker tells of itself, to be compared with what the driver finds."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from saga_kedro.files import parameter_hash, source_hash

HEAD = 1 << 20
"""Bytes of each file of weights that are compared, besides its size: its table of tensors, and the first of them."""


def seen_here(needs: Sequence[str], weights: Sequence[str]) -> dict[str, Any]:
    """What this process is and sees.

    Args:
        needs: folders; whether they are there.
        weights: files and folders; a hash of their files' names, sizes and first MiB, empty where there is nothing.
    """
    package = f"saga-kedro {version('saga-kedro')} (source {source_hash()})"
    return {
        "version": f"{package}, Dask {version('distributed')}, Python {sys.version_info[0]}.{sys.version_info[1]}",
        "needs": {path: Path(path).exists() for path in needs},
        "weights": {path: _print(Path(path)) for path in weights},
        "host": platform.node(),
    }


def look(token: str, needs: Sequence[str], weights: Sequence[str], with_gpu: Sequence[str], dask_worker: Any) -> dict[str, Any]:
    """`seen_here` of a worker, with ``token``: whether it sees the driver's file; ``gpu``: whether PyTorch finds one.

    Args:
        token: a file that holds its own name.
        needs, weights: as for `seen_here`.
        with_gpu: addresses of the workers that look for a GPU.
        dask_worker: the worker itself, which Dask puts in.
    """
    try:
        seen = Path(token).read_text() == Path(token).name
    except OSError:
        seen = False
    gpu = False
    if dask_worker.address in with_gpu:
        import torch

        gpu = torch.cuda.is_available()
    return seen_here(needs, weights) | {"token": seen, "gpu": gpu}


def _print(path: Path) -> str:
    files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path] if path.is_file() else []
    return parameter_hash([(file.name, file.stat().st_size, _head(file)) for file in files]) if files else ""


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.blake2b(file.read(HEAD), digest_size=16).hexdigest()
