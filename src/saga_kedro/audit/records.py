"""Finished work of an audit: records on disk, and which errors are results."""

import json
from pathlib import Path
from typing import Any

import torch

from saga_kedro.files import NoSpace, atomic_path
from saga_kedro.stages import code
from saga_kedro.weights import MissingWeights

ENVIRONMENT = (OSError, MemoryError, ImportError, NoSpace, MissingWeights, torch.OutOfMemoryError)
ENVIRONMENT_IN_WORDS = (
    "No space left",
    "Disk quota exceeded",
    "allocate memory",
    "not enough memory",
    "CUDA error",
    "CUDNN_STATUS",
    "DataLoader worker (",
)
"""What PyTorch says in a plain RuntimeError: a full disk, no memory on the CPU, a broken GPU, a killed loader."""


def code_version() -> str:
    """Ten digits of the hash of the code that decides results: other code makes new records."""
    return code("audit_score")[:10]


class Records:
    """JSON records below one folder, by kind and key; each is whole or absent."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key[:20]}.json"

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        path = self.path(kind, key)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def put(self, kind: str, key: str, record: dict[str, Any]) -> dict[str, Any]:
        """Write a record, and return it as it will be read; a number that is not finite is null."""
        plain = json.loads(json.dumps(record), parse_constant=lambda _: None)
        with atomic_path(self.path(kind, key)) as temporary:
            temporary.write_text(json.dumps(plain, indent=1, ensure_ascii=False), encoding="utf-8")
        return plain


def crash_of(error: Exception) -> str:
    """Type and message of an arm's error, which is its result; an error of the machine (`ENVIRONMENT`) is raised instead."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ENVIRONMENT) or any(words in str(cause) for words in ENVIRONMENT_IN_WORDS):
            raise error
        cause = cause.__cause__
    return f"{type(error).__name__}: {error}"
