"""What a Dask worker does: a batch of items of one job, and a note of which of them is under way.

The job lies in a folder that driver and workers share: its function and arguments, pickled once and read once by each worker,
and a file for each batch under way, a byte an item: how often it was begun and not ended. A worker that is killed leaves the
byte of its item above 0, and Dask gives the batch to another worker, which reads there what killed the last.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click import ClickException

from saga_kedro.files import source_hash
from saga_kedro.parallel import inside

DEATHS = 3
"""An item that so many workers died of is given to no other."""
SECONDS = 1.0
"""After so long a worker hands back what it has: long against the way to the scheduler and back, short to wait for."""
SETTLED_S = 0.5

JOB = "job"
_read: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {}


class Lost:
    """In place of a result: its item killed its worker three times."""


def run_batch(folder: str, version: str, project: str, name: str, items: list[Any]) -> tuple[float, list[Any]]:
    """Work on the first items of a batch, for a second or so.

    Args:
        folder: of the job.
        version: hash of the driver's package.
        project: the driver's working folder, which items' relative paths start from.
        name: of the batch's file in ``folder``.
        items: of the batch.

    Returns:
        The seconds that it took, and the results of as many items as were done in them, at least of one.
    """
    function, arguments = _job(folder, version, project)
    os.chdir(project)
    results: list[Any] = []
    started = time.perf_counter()
    with _begun(Path(folder) / name, len(items)) as begun:
        for place, item in enumerate(items):
            if begun[place] >= DEATHS:
                results.append(Lost())
                continue
            begun.set(place, begun[place] + 1)
            results.append(function(item, **arguments))
            begun.set(place, 0)
            if time.perf_counter() - started > SECONDS:
                break
    return time.perf_counter() - started, results


def _job(folder: str, version: str, project: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    if not inside.a_worker():
        # A nanny does not start a worker again that dies while it is still being started, as one may of its first item.
        time.sleep(SETTLED_S)
        inside.become_a_worker()
    if folder not in _read:
        _read.clear()  # first: a job's arguments may be a model, for two of which there may be no room
        if source_hash() != version:
            raise ClickException(f"A worker that joined has another version of saga-kedro than the driver ({version}).")
        try:
            pickled = (Path(folder) / JOB).read_bytes()
            os.chdir(project)
        except OSError as error:
            raise ClickException(f"A worker that joined does not see the project folder {project}: {error.strerror}.") from None
        _read[folder] = pickle.loads(pickled)
    return _read[folder]


class _Begun:
    def __init__(self, file: int, counts: bytearray) -> None:
        self.file, self.counts = file, counts

    def __getitem__(self, place: int) -> int:
        return self.counts[place]

    def set(self, place: int, count: int) -> None:
        self.counts[place] = count
        os.pwrite(self.file, bytes([count]), place)  # survives this process in the system's cache, and that is enough


@contextmanager
def _begun(path: Path, items: int) -> Iterator[_Begun]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _Begun(file, bytearray(os.pread(file, items, 0).ljust(items, b"\0")))
        path.unlink(missing_ok=True)
    finally:
        os.close(file)
