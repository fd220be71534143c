"""A model that a process loads once and keeps for all its tasks. A process holds one such model at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Model = TypeVar("Model")

_lock = threading.RLock()  # a process of a cluster may run tasks in threads
_held: list[tuple[LoadedOnce[Any], Any]] = []


@dataclass(frozen=True)
class LoadedOnce(Generic[Model]):
    """How to load a model: cheap to send to a worker. ``load`` is a function at module level or a class."""

    load: Callable[..., Model]
    arguments: tuple[Any, ...] = ()

    def __call__(self) -> Model:
        """The model, loaded if this process does not hold it; another model is freed first."""
        with _lock:
            if not _held or _held[0][0] != self:
                _held.clear()
                _held.append((self, self.load(*self.arguments)))
            return _held[0][1]


def let_go() -> None:
    """Free the model that this process holds."""
    with _lock:
        _held.clear()
