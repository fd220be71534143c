"""Work on Dask's workers, of a running scheduler or of this machine. Only this module and `preflight` import Dask, an extra."""

from __future__ import annotations

import logging
import math
import os
import pickle
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, Nanny, Scheduler, SpecCluster, as_completed
from tqdm import tqdm

from saga_kedro.errors import SagaError
from saga_kedro.files import source_hash
from saga_kedro.parallel.preflight import check, connect
from saga_kedro.parallel.worker import run_batch

logger = logging.getLogger(__name__)

SETTINGS = {
    "distributed.worker.daemon": False,  # a training in a worker may start processes that load its data
    "distributed.scheduler.allowed-failures": 0,  # a task that was killed is returned: `_Map` tries it again
    # A cluster gives up a worker that was killed, also while its nanny restarts it.
    "distributed.deploy.lost-worker-timeout": "1000d",
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
}
"""Of a scheduler and workers started here; docs/operations.md shows how others are started."""

AHEAD = 2  # batches for each worker: one that it works on, one that waits there
BATCHES = 16  # at least so many for each worker, so that all of them end at about the same time
LARGEST = 64  # items of a batch, at most
GIVE_UP = 6  # so many killed batches, before any item was done, are no accident


@contextmanager
def dask_engine(
    address: str | None, gpus_per_worker: int, project: Path, needs: Collection[str | Path]
) -> Iterator[DaskEngine]:
    """The engine of `executor.engine`; without an address it starts a cluster here."""
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are one sentence of ours
    where = f"The scheduler at {address}" if address else "Dask's own scheduler"
    with dask.config.set(SETTINGS), nullcontext(address) if address else _cluster_here(gpus_per_worker) as scheduler:
        client = connect(scheduler, where)
        try:
            check(client, where, gpus_per_worker if address else 0, project, needs)
            logger.info("Dask: %d workers at %s; dashboard %s", len(client.nthreads()), scheduler, client.dashboard_link)
            yield DaskEngine(client, scheduler, project, gpus_per_worker or int(address is None and bool(_gpus())))
        finally:
            client.close(timeout=2)


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[: torch.cuda.device_count()] if named else [str(one) for one in range(torch.cuda.device_count())]


@contextmanager
def _cluster_here(gpus_per_worker: int) -> Iterator[str]:
    """The address of a cluster here: a worker for each GPU, which sees no other, and one for each further core."""
    from joblib import cpu_count

    gpus, each = _gpus(), max(1, gpus_per_worker)
    if gpus_per_worker > len(gpus):
        raise SagaError(f"workers.gpus_per_worker={gpus_per_worker}, but this machine has {len(gpus)} GPUs to use.")
    shares = [gpus[first : first + each] for first in range(0, len(gpus) - each + 1, each)]
    shares += [[] for _ in range(max(int(not shares), cpu_count() - len(shares)))]
    common = {"nthreads": 1, "memory_limit": 0, "host": "127.0.0.1", "dashboard": False, "silence_logs": logging.CRITICAL}
    workers = {}
    for number, share in enumerate(shares):
        options = common | ({"resources": {"GPU": len(share)}} if share else {})
        options |= {"env": {"CUDA_VISIBLE_DEVICES": ",".join(share)}} if gpus else {}
        workers[number] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=workers, scheduler=scheduler) as cluster:
        yield cluster.scheduler_address


class DaskEngine:
    """Maps on the workers of a cluster. A task that computes on a GPU asks for ``gpus`` units of the resource GPU."""

    def __init__(self, client: Client, address: str, project: Path, gpus: int) -> None:
        self.client, self.address, self.project, self.gpus = client, address, project, gpus

    def map(
        self,
        function: Callable[..., Any],
        items: list[Any],
        describe: str,
        gpu: bool,
        lost: Callable[[Any, str], Any] | None,
        arguments: Mapping[str, Any],
    ) -> list[Any]:
        """In three rounds: batches; each item of a killed batch alone; each of those killed again alone on all workers."""
        work = _Map(self, function, items, describe, self.gpus if gpu else 0, arguments)
        with work.bar:
            killed = work.round(list(range(len(items))), min(LARGEST, math.ceil(len(items) / (BATCHES * work.slots()))))
            killed = work.round(work.round(killed, 1), 1, at_once=1)
        reason = "it killed its worker 3 times: memory ran out, or a library crashed on it"
        for place in killed:
            logger.warning("%s: %.200s is passed over: %s.", describe, items[place], reason)
            work.results[place] = lost(items[place], reason) if lost else None
        if killed and not lost:
            raise SagaError(
                f"{describe}: {len(killed)} of {len(items)} items were passed over, and it takes them all; the first, "
                f"{items[killed[0]]!s:.200}: {reason}."
            )
        return work.results


class _Map:
    """One call of `DaskEngine.map`."""

    def __init__(
        self,
        engine: DaskEngine,
        function: Callable[..., Any],
        items: list[Any],
        describe: str,
        gpus: int,
        arguments: Mapping[str, Any],
    ) -> None:
        self.client, self.address = engine.client, engine.address
        self.items, self.describe, self.gpus = items, describe, gpus
        self.job = (pickle.dumps((function, dict(arguments))), source_hash(), str(engine.project))
        self.results: list[Any] = [None] * len(items)
        self.bar = tqdm(total=len(items), desc=describe, unit="item")

    def slots(self) -> int:
        """Batches that can be worked on at the same time: workers come and go."""
        workers = self.client.scheduler_info(-1)["workers"].values()
        slots = sum(one["resources"].get("GPU", 0) // self.gpus if self.gpus else one["nthreads"] for one in workers)
        if not slots:
            logger.warning("%s: no worker is left; waiting for one.", self.describe)
        return max(1, int(slots))

    def round(self, places: list[int], size: int, at_once: int | None = None) -> list[int]:
        """Work on the items at ``places`` in batches of ``size``; the places of those whose worker was killed."""
        batches = (places[start : start + size] for start in range(0, len(places), size))
        under_way: dict[Future, list[int]] = {}
        killed: list[int] = []
        done = as_completed(loop=self.client.loop)
        deaths = 0
        try:
            while True:
                room = (at_once or AHEAD * self.slots()) - len(under_way) if places else 0
                for batch in islice(batches, max(0, room)):
                    future = self._submit(batch)
                    under_way[future] = batch
                    done.add(future)
                if not under_way:
                    return killed
                for future in done.next_batch():
                    batch = under_way.pop(future)
                    if future.cancelled():
                        raise self._gone()
                    try:
                        found = future.result()
                    except KilledWorker:
                        deaths += 1
                        killed += batch
                        if deaths >= GIVE_UP and not self.bar.n:
                            raise SagaError(f"{self.describe}: worker after worker is killed; see their logs.") from None
                        continue
                    for place, result in zip(batch, found, strict=True):
                        self.results[place] = result
                    self.bar.update(len(batch))
        finally:  # a driver that ends early leaves the workers to others
            if under_way and self.client.status == "running":
                with suppress(OSError, TimeoutError):
                    self.client.cancel(list(under_way))

    def _submit(self, batch: list[int]) -> Future:
        if self.client.status != "running":
            raise self._gone()
        resources = {"GPU": self.gpus} if self.gpus else None
        return self.client.submit(
            run_batch,
            *self.job,
            [self.items[place] for place in batch],
            pure=False,
            resources=resources,
            key=f"{self.describe}-{uuid4().hex}",
        )

    def _gone(self) -> SagaError:
        return SagaError(
            f"{self.describe}: Dask's scheduler at {self.address} was lost. Finished work is kept: start a scheduler and "
            "workers, and the same command resumes."
        )
