"""Dask's workers: those of a scheduler that somebody started, or of this machine; looked at before any work is given to them.

Dask is an extra, and imported here and below only.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click import ClickException

from saga_kedro.files import atomic_path
from saga_kedro.parallel.look import look, seen_here

try:
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    from saga_kedro.parallel.batches import DaskEngine
except ModuleNotFoundError as error:
    raise ClickException(
        f"workers.engine=dask needs the package {error.name}: install the extra `cluster`, on every machine that works."
    ) from None

logger = logging.getLogger(__name__)

ANSWER_S = 10.0
"""A scheduler, a first worker, and all workers' answers are each waited for so long: together at most 30 s."""
SHARED = Path("data/.workers")


@contextmanager
def dask_engine(
    address: str | None, gpus_per_worker: int, project: Path, needs: Collection[str | Path], weights: Collection[str | Path]
) -> Iterator[DaskEngine]:
    """An engine for `door.engine`, which has the arguments and the errors; without an address on a cluster of its own."""
    where = f"The scheduler at {address}" if address else "Dask's own scheduler"
    with _settings(), _local(gpus_per_worker) if address is None else _given(address) as scheduler:
        client = _connect(scheduler, where)
        try:
            _check(client, where, gpus_per_worker if address else 0, project, needs, weights)
            logger.info("Dask: %d workers at %s; dashboard %s", len(client.nthreads()), scheduler, client.dashboard_link)
            gpus = gpus_per_worker or int(address is None and bool(_gpus()))
            yield DaskEngine(client, project, project / SHARED, gpus)
        finally:
            client.close(timeout=2)


@contextmanager
def _settings() -> Iterator[None]:
    """Dask's own settings, and silence of it: what goes wrong is one sentence of ours."""
    settings = {
        "distributed.comm.timeouts.connect": f"{ANSWER_S:g}s",
        "distributed.worker.daemon": False,  # a training in a worker may have processes that load its data
        # A cluster takes leave of a worker that was killed, and was again while it was started anew; its nanny does not.
        "distributed.deploy.lost-worker-timeout": "1000d",
        "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
    }
    loggers = {name: logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")}
    levels = {name: one.level for name, one in loggers.items()}
    with dask.config.set(settings):
        try:
            for one in loggers.values():
                one.setLevel(logging.CRITICAL)
            yield
        finally:
            for name, one in loggers.items():
                one.setLevel(levels[name])


@contextmanager
def _given(address: str) -> Iterator[str]:
    yield address


def _gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[: torch.cuda.device_count()] if named else [str(one) for one in range(torch.cuda.device_count())]


@contextmanager
def _local(gpus_per_worker: int) -> Iterator[str]:
    """A cluster on 127.0.0.1: a worker for each GPU, which sees no other, and for each further core one without.

    As in `processes`, no worker has a bound on its memory.
    """
    from joblib import cpu_count

    gpus, each = _gpus(), max(1, gpus_per_worker)
    if gpus_per_worker > len(gpus):
        raise ClickException(f"workers.gpus_per_worker={gpus_per_worker}, but this machine has {len(gpus)} GPUs to use.")
    shares = [gpus[first : first + each] for first in range(0, len(gpus) - each + 1, each)]
    shares += [[] for _ in range(max(int(not shares), cpu_count() - len(shares)))]
    common = {"nthreads": 1, "memory_limit": 0, "host": "127.0.0.1", "dashboard": False, "silence_logs": logging.CRITICAL}
    workers = {
        number: {
            "cls": Nanny,
            "options": common
            | {"resources": {"GPU": len(share)} if share else None}
            | ({"env": {"CUDA_VISIBLE_DEVICES": ",".join(share)}} if gpus else {}),
        }
        for number, share in enumerate(shares)
    }
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=workers, scheduler=scheduler) as cluster:
        yield cluster.scheduler_address


def _connect(address: str, where: str) -> Client:
    try:
        # it waits for the scheduler, then for its greeting
        client = _within(2 * ANSWER_S, lambda: Client(address, timeout=ANSWER_S, set_as_default=False))
    except Exception as error:  # anything may listen there, and answer anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClickException(
            f"workers.address={address}: no Dask scheduler answers there; start `dask scheduler` or mend it ({reason})."
        ) from None
    try:
        client.wait_for_workers(1, timeout=ANSWER_S)
    except TimeoutError:
        client.close(timeout=2)
        raise ClickException(f"{where} has no workers: start some, `dask worker {address}`.") from None
    return client


def _check(
    client: Client,
    where: str,
    gpus_per_worker: int,
    project: Path,
    needs: Collection[str | Path],
    weights: Collection[str | Path],
) -> None:
    """Ask every worker what it sees; the answer that differs from ours is the sentence."""
    places = ([str(Path(path).absolute()) for path in needs], [str(Path(path).absolute()) for path in weights])
    token = project / SHARED / f"token.{os.getpid()}.{uuid.uuid4().hex}"
    with atomic_path(token) as temporary:
        temporary.write_text(token.name)
    try:
        ours = seen_here(*places)
        resources = {name: worker["resources"] for name, worker in client.scheduler_info()["workers"].items()}
        with_gpu = [name for name, has in resources.items() if has.get("GPU", 0) >= gpus_per_worker > 0]
        if gpus_per_worker and not with_gpu:
            raise ClickException(
                f"workers.gpus_per_worker={gpus_per_worker}, but no worker of {where[0].lower()}{where[1:]} has so many: "
                f"start some with `dask worker --resources GPU={gpus_per_worker}`."
            )
        answers = _within(ANSWER_S, lambda: client.run(look, str(token), *places, with_gpu=with_gpu, on_error="return"))
    except TimeoutError:
        raise ClickException(f"{where} has workers that do not answer: restart them.") from None
    finally:
        token.unlink(missing_ok=True)
    for worker, seen in answers.items():
        if isinstance(seen, Exception):  # the question itself is not known there
            raise ClickException(f"The worker {worker} has no saga-kedro, or another version of it: {seen}.")
        if seen["version"] != ours["version"]:
            raise ClickException(
                f"The worker {worker} on {seen['host']} has {seen['version']}, and this is {ours['version']}: "
                "install the same on both."
            )
        if not seen["token"]:
            raise ClickException(
                f"The worker {worker} on {seen['host']} does not see {project}: the project lies in a folder that all machines "
                "share, under the same path."
            )
        for path, found in ours["needs"].items():
            if found and not seen["needs"][path]:
                raise ClickException(f"The worker {worker} on {seen['host']} does not see {path}: share that folder, too.")
        for path, found in ours["weights"].items():
            if seen["weights"][path] != found:
                other = "has other weights in" if seen["weights"][path] else "does not see"
                raise ClickException(f"The worker {worker} on {seen['host']} {other} {path}: give it the same.")
        if worker in with_gpu and not seen["gpu"]:
            raise ClickException(f"The worker {worker} on {seen['host']} says it has a GPU, and PyTorch finds none there.")


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """What ``work`` returns or raises; TimeoutError if it does neither in time. Dask waits for some answers without end."""
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, work()))
        except Exception as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(f"no answer within {seconds:g} s")
    well, result = outcome[0]
    if not well:
        raise result
    return result
