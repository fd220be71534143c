"""Checks of Dask's workers before they get any work. A failed check is one sentence that names the worker."""

import multiprocessing
import platform
import sys
import tempfile
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Client, Security
from distributed.comm import connect as connect_to
from distributed.utils import LoopRunner

from saga_kedro.errors import SagaError
from saga_kedro.files import source_hash

ANSWER_S = 10.0  # the longest wait for a scheduler, for a first worker, and for all workers' answers: together at most 30 s


def connect(address: str, where: str) -> Client:
    """A client of the scheduler, which has at least one worker; ``where`` is its name in a sentence."""
    try:
        # `Client` waits without end for a program that listens and says nothing.
        LoopRunner(asynchronous=False).run_sync(_greet, address, callback_timeout=ANSWER_S)
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except Exception as error:  # anything may listen there, and answer anything
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise SagaError(
            f"workers.address={address}: no Dask scheduler answers there; start `dask scheduler` or fix it ({reason})."
        ) from None
    try:
        client.wait_for_workers(1, timeout=ANSWER_S)
    except TimeoutError:
        client.close(timeout=2)
        raise SagaError(f"{where} has no workers: start some, `dask worker {address}`.") from None
    return client


async def _greet(address: str) -> None:
    (await connect_to(address, **Security().get_connection_args("client"))).abort()


def check(client: Client, where: str, gpus_per_worker: int, project: Path, needs: Collection[str | Path]) -> None:
    """Ask every worker what it sees: paths that exist here must exist there, and some worker must have enough GPUs."""
    has_gpus = [worker["resources"].get("GPU", 0) for worker in client.scheduler_info(-1)["workers"].values()]
    if gpus_per_worker and max(has_gpus, default=0) < gpus_per_worker:
        raise SagaError(
            f"workers.gpus_per_worker={gpus_per_worker}, but no worker of {where[0].lower()}{where[1:]} has so many: "
            f"start some with `dask worker --resources GPU={gpus_per_worker}`."
        )
    here = [str(path) for path in (Path(path).absolute() for path in needs) if path.exists()]
    with tempfile.NamedTemporaryFile(dir=project, prefix=".seen-by-workers-") as mark:

        async def ask() -> dict[str, Any]:
            return await client.run(seen, [mark.name, *here], gpus_per_worker, on_error="return")

        try:
            answers = client.sync(ask, callback_timeout=ANSWER_S)
        except TimeoutError:
            raise SagaError(f"{where} has workers that do not answer: restart them.") from None
    ours = versions()
    for worker, answer in answers.items():
        if isinstance(answer, Exception):  # the question itself is not known there
            raise SagaError(f"The worker {worker} has no saga-kedro, or another version of it: {answer}.")
        theirs, host, absent, daemon, gpu = answer
        who = f"The worker {worker} on {host}"
        if theirs != ours:
            raise SagaError(f"{who} has {theirs}, and this is {ours}: install the same on both.")
        if mark.name in absent:
            raise SagaError(
                f"{who} does not see {project}: the project lies in a folder that all machines share, under the same path."
            )
        if absent:
            raise SagaError(f"{who} does not see {absent[0]}: share that folder, too.")
        if daemon:
            raise SagaError(f"{who} may not start processes: start it with DASK_DISTRIBUTED__WORKER__DAEMON=False.")
        if not gpu:
            raise SagaError(f"{who} says it has a GPU, and PyTorch finds none there.")


def seen(paths: Sequence[str], gpus_per_worker: int, dask_worker: Any) -> tuple[str, str, list[str], bool, bool]:
    """A worker's versions, host, and the paths that it does not see; whether it is a daemon, which may not start processes;
    whether the GPU that it claims exists. Dask fills in ``dask_worker``."""
    gpu = True
    if dask_worker.state.total_resources.get("GPU", 0) >= gpus_per_worker > 0:
        import torch

        gpu = torch.cuda.is_available()
    absent = [path for path in paths if not Path(path).exists()]
    return versions(), platform.node(), absent, bool(multiprocessing.current_process().daemon), gpu


def versions() -> str:
    """Of this package, Dask and Python, in this process."""
    package = f"saga-kedro {version('saga-kedro')} (source {source_hash()})"
    return f"{package}, Dask {version('distributed')}, Python {sys.version_info[0]}.{sys.version_info[1]}"
