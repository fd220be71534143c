"""The engine on Dask's workers: items go to them in batches, a bounded number at a time, and come back in order."""

from __future__ import annotations

import itertools
import logging
import pickle
import queue
import shutil
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click import ClickException
from distributed import Client, Future, KilledWorker
from tqdm import tqdm

from saga_kedro.files import atomic_path, source_hash
from saga_kedro.parallel.batch import DEATHS, JOB, SECONDS, Lost, run_batch

logger = logging.getLogger(__name__)

AHEAD = 2
"""Batches a worker thread: one that it works on, one that waits there."""
MOST = 1024
"""Items of a batch; the time that they take is bounded by the worker (`batch.SECONDS`)."""
PATIENCE_S = 10.0
"""Without a result for so long, it is looked whether there are workers."""
REASON = f"it killed its worker {DEATHS} times: memory ran out, or a library crashed on it"


@dataclass
class _Batch:
    name: str
    places: list[int]
    killed: int = 0


class DaskEngine:
    """`door.Engine` on the workers of a cluster.

    Args:
        client: connected.
        project: the project folder, on driver and workers.
        jobs: folder for what they share of a job.
        gpus: units of the resource GPU that a task which computes on one asks for; 0 asks for none.
    """

    def __init__(self, client: Client, project: Path, jobs: Path, gpus: int) -> None:
        self.client, self.project, self.jobs, self.gpus = client, project, jobs, gpus
        self.address = client.scheduler_info(0)["address"]

    def map(
        self,
        function: Callable[..., Any],
        items: list[Any],
        describe: str,
        gpu: bool,
        lost: Callable[[Any, str], Any] | None,
        arguments: Mapping[str, Any],
    ) -> list[Any]:
        folder = self.jobs / uuid.uuid4().hex
        folder.mkdir(parents=True)
        with atomic_path(folder / JOB) as temporary:
            temporary.write_bytes(pickle.dumps((function, dict(arguments))))
        run = _Run(self, items, describe, folder, {"GPU": self.gpus} if gpu and self.gpus else None)
        try:
            results = run.results()
        finally:
            run.stop()
            shutil.rmtree(folder, ignore_errors=True)
        killers = [place for place, result in enumerate(results) if isinstance(result, Lost)]
        for place in killers:
            logger.warning("%s: %.200s is passed over: %s.", describe, items[place], REASON)
            results[place] = lost(items[place], REASON) if lost else results[place]
        if killers and not lost:
            raise ClickException(
                f"{describe}: {len(killers)} of {len(items)} items were passed over, and it takes them all; the first, "
                f"{items[killers[0]]!s:.200}: {REASON}."
            )
        return results


class _Run:
    """One call of `DaskEngine.map`."""

    def __init__(self, engine: DaskEngine, items: list[Any], describe: str, folder: Path, resources: dict | None) -> None:
        self.engine, self.items, self.describe, self.folder, self.resources = engine, items, describe, folder, resources
        self.names = map(str, itertools.count())
        self.todo: deque[_Batch] = deque()  # begun and given back
        self.next = 0  # the first item that no batch has yet
        self.under_way: dict[Future, _Batch] = {}
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.size = 1
        self.workers = True

    def results(self) -> list[Any]:
        results: list[Any] = [None] * len(self.items)
        window = self._window()
        with tqdm(total=len(self.items), desc=self.describe, unit="item") as bar:
            while self.todo or self.next < len(self.items) or self.under_way:
                while len(self.under_way) < window and (self.todo or self.next < len(self.items)):
                    self._submit(self._batch(window))
                try:
                    future = self.ended.get(timeout=PATIENCE_S)
                except queue.Empty:
                    window = self._window()
                    continue
                batch = self.under_way.pop(future)
                found = self._result(future, batch)
                for place, result in zip(batch.places, found, strict=False):
                    results[place] = result
                if rest := batch.places[len(found) :]:
                    self.todo.append(batch if batch.killed else _Batch(next(self.names), rest))
                bar.update(len(found))
        return results

    def stop(self) -> None:
        """Take back what is under way: a driver that ends early leaves the workers to others."""
        with suppress(Exception):
            self.engine.client.cancel(list(self.under_way))

    def _window(self) -> int:
        try:
            threads = sum(self.engine.client.nthreads().values())
        except (OSError, CancelledError, ValueError):
            raise self._gone() from None
        if not threads and self.workers:
            logger.warning("%s: %s has no worker left; waiting for one.", self.describe, self.engine.address)
        self.workers = threads > 0
        return AHEAD * max(threads, 1)

    def _batch(self, window: int) -> _Batch:
        if self.todo:
            return self.todo.popleft()
        left = len(self.items) - self.next
        last = self.next + min(self.size, -(-left // window))  # at the end smaller ones, so that no worker is left to the last
        places = list(range(self.next, last))
        self.next = last
        return _Batch(next(self.names), places)

    def _submit(self, batch: _Batch) -> None:
        engine, items = self.engine, [self.items[place] for place in batch.places]
        job = (str(self.folder), source_hash(), str(engine.project))
        future = engine.client.submit(
            run_batch, *job, batch.name, items, pure=False, resources=self.resources, key=f"{self.describe}-{uuid.uuid4().hex}"
        )
        self.under_way[future] = batch
        future.add_done_callback(self.ended.put)

    def _result(self, future: Future, batch: _Batch) -> list[Any]:
        """What was done of a batch: nothing, where its worker was killed."""
        if future.status == "error":
            error = future.exception()
            if not isinstance(error, KilledWorker):
                raise error  # the function's own
            batch.killed += 1
            if batch.killed > DEATHS:
                raise ClickException(f"{self.describe}: workers are killed before they begin to work; see what they log.")
            return []
        try:
            seconds, found = future.result()
        except (CancelledError, OSError):
            raise self._gone() from None
        # towards batches that last as long as a worker gives them, at most four times as many items as before
        self.size = max(1, min(4 * self.size, MOST, int(SECONDS * len(found) / max(seconds, 1e-6))))
        batch.killed = 0
        return found

    def _gone(self) -> ClickException:
        return ClickException(
            f"{self.describe}: Dask's scheduler at {self.engine.address} is gone. What is finished is kept: start a scheduler "
            "and workers, and the same command goes on."
        )
