"""The engine on Dask's workers: items go to them in batches, a bounded number at a time, and come back in order."""

from __future__ import annotations

import itertools
import logging
import math
import os
import pickle
import platform
import queue
import shutil
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
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
COUNT_S = 10.0
"""So often the workers are counted."""
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
        for left in jobs.glob(f"{platform.node()}.*.*"):  # by a driver that was killed
            if not psutil.pid_exists(int(left.name.split(".")[-2])):
                shutil.rmtree(left, ignore_errors=True)
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
        folder = self.jobs / f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex}"
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
        self.left = deque(range(len(items)))
        self.again: list[_Batch] = []  # their workers were killed
        self.under_way: dict[Future, _Batch] = {}
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.size = 1
        self.workers, self.counted = 1, -math.inf

    def results(self) -> list[Any]:
        results: list[Any] = [None] * len(self.items)
        with tqdm(total=len(self.items), desc=self.describe, unit="item") as bar:
            while self.left or self.again or self.under_way:
                window = AHEAD * max(1, self._workers())
                while len(self.under_way) < window and (self.left or self.again):
                    self._submit(self.again.pop() if self.again else self._batch(window))
                try:
                    future = self.ended.get(timeout=COUNT_S)
                except queue.Empty:
                    continue
                batch = self.under_way.pop(future)
                found = self._result(future, batch)
                if batch.killed:
                    self.again.append(batch)
                    continue
                for place, result in zip(batch.places, found, strict=False):
                    results[place] = result
                self.left.extendleft(reversed(batch.places[len(found) :]))
                bar.update(len(found))
        return results

    def stop(self) -> None:
        """Take back what is under way: a driver that ends early leaves the workers to others."""
        if self.under_way and self.engine.client.status == "running":
            with suppress(OSError, CancelledError):
                self.engine.client.cancel(list(self.under_way))

    def _workers(self) -> int:
        """How many there are: they come and go."""
        if time.monotonic() - self.counted < COUNT_S:
            return self.workers
        try:
            workers = sum(self.engine.client.nthreads().values())
        except (OSError, CancelledError, ValueError):
            raise self._gone() from None
        if self.workers and not workers:
            logger.warning("%s: %s has no worker left; waiting for one.", self.describe, self.engine.address)
        self.workers, self.counted = workers, time.monotonic()
        return workers

    def _batch(self, window: int) -> _Batch:
        # at the end smaller ones, so that no worker has the last items for itself
        items = min(self.size, -(-len(self.left) // window))
        return _Batch(next(self.names), [self.left.popleft() for _ in range(items)])

    def _submit(self, batch: _Batch) -> None:
        if self.engine.client.status != "running":
            raise self._gone()
        engine, items = self.engine, [self.items[place] for place in batch.places]
        job = (str(self.folder), source_hash(), str(engine.project))
        future = engine.client.submit(
            run_batch, *job, batch.name, items, pure=False, resources=self.resources, key=f"{self.describe}-{uuid.uuid4().hex}"
        )
        self.under_way[future] = batch
        future.add_done_callback(self.ended.put)

    def _result(self, future: Future, batch: _Batch) -> list[Any]:
        """What was done of a batch: nothing, where its worker was killed."""
        try:
            seconds, found = future.result()
        except KilledWorker:
            batch.killed += 1
            if batch.killed > DEATHS:
                sentence = f"{self.describe}: workers are killed before they begin to work; see their logs."
                raise ClickException(sentence) from None
            return []
        except (CancelledError, OSError):
            if future.status == "error":  # the function's own
                raise
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
