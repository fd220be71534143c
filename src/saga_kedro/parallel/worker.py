"""Work inside a worker process. Its own calls of `parallel_map` stay in it, since the other cores are taken."""

import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from saga_kedro.errors import SagaError
from saga_kedro.files import source_hash

SETTLED_S = 0.5
_working = False


def working() -> bool:
    """Whether this process works for another."""
    return _working


def run_one(function: Callable[..., Any], item: Any, arguments: Mapping[str, Any]) -> Any:
    """One item, in a process of joblib's."""
    global _working
    _working = True
    return function(item, **arguments)


def run_batch(job: bytes, version: str, project: str, items: list[Any]) -> list[Any]:
    """Some items, on a Dask worker, which may have joined after the others were checked.

    ``job`` is the pickled function with its arguments, ``version`` the hash of the driver's package, and ``project`` its
    working folder, where relative paths start.
    """
    if not working():
        time.sleep(SETTLED_S)  # A nanny does not restart a worker that dies while it is still being started.
    if source_hash() != version:
        raise SagaError(f"A worker that joined has another version of saga-kedro than the driver ({version}).")
    try:
        os.chdir(project)
    except OSError as error:
        raise SagaError(f"A worker that joined does not see the project folder {project}: {error.strerror}.") from None
    function, arguments = _unpickled(job)
    return [run_one(function, item, arguments) for item in items]


@lru_cache(maxsize=1)
def _unpickled(job: bytes) -> tuple[Callable[..., Any], dict[str, Any]]:
    return pickle.loads(job)


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes in one thread: with another number it sums in another order, and results must be the same everywhere."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
