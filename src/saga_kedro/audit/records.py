"""Finished work of an audit: records on disk, and the keys that name trainings and scores."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from saga_kedro.files import atomic_path
from saga_kedro.parameters import Parameters
from saga_kedro.stages import code, key


def training_key(parameters: Parameters, data_version: str) -> str:
    """The key of an arm's weights."""
    return key("audit_train", parameters, data_version)


def score_key(parameters: Parameters, data_version: str, pairs_version: str, seed: int) -> str:
    """The key of an arm's outputs and their numbers; ``seed`` is of the sampling."""
    return key("audit_score", parameters, f"{data_version} {pairs_version} {seed}")


def code_version() -> str:
    """The code that decides results: ten digits. A change of it makes new records."""
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
        """Write a record, and return it as it will be read."""
        text = json.dumps(_plain(record), indent=1, ensure_ascii=False)
        with atomic_path(self.path(kind, key)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return json.loads(text)


def _plain(value: Any) -> Any:
    """The same as JSON can hold it: a number that is not finite is null."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
