"""A model that a process loads once, however many tasks it gets; and a process holds one such model at a time."""

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
    """How a model is loaded: cheap to send to a worker, which loads it with its first task and keeps it for the next ones.

    Attributes:
        load: a module-level function or a class.
        arguments: its arguments; equal ones give the same model.
    """

    load: Callable[..., Model]
    arguments: tuple[Any, ...] = ()

    def __call__(self) -> Model:
        """The model, loaded now if this process does not hold it; another one that it holds goes first, to make room."""
        with _lock:
            if not _held or _held[0][0] != self:
                _held.clear()
                _held.append((self, self.load(*self.arguments)))
            return _held[0][1]


def let_go() -> None:
    """Free the model that this process holds."""
    with _lock:
        _held.clear()
