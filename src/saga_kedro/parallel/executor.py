"""`parallel_map`, and the engine that it uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from saga_kedro.errors import SagaError
from saga_kedro.parallel import worker

if TYPE_CHECKING:
    from saga_kedro.parallel.cluster import DaskEngine
    from saga_kedro.parameters import Workers

Item = TypeVar("Item")
Result = TypeVar("Result")

# One for the process and not for the context: Kedro may run nodes in threads, which must find it.
_engine: DaskEngine | None = None


def parallel_map(
    function: Callable[..., Result],
    items: Iterable[Item],
    describe: str,
    workers: int | None = None,
    gpu: bool = False,
    lost: Callable[[Item, str], Result] | None = None,
    **arguments: Any,
) -> list[Result]:
    """``function(item, **arguments)`` of every item, in their order, in processes or on Dask's workers (see `engine`).

    Args:
        function: a module-level function, which returns an item's error and does not raise it. It writes its files atomically
            where all workers see them, and finds them when a killed worker's item is done again.
        items: in any number.
        describe: the progress bar's text.
        workers: processes; None is one a core, at most LOKY_MAX_CPU_COUNT. 1 stays in this process, whatever the engine, unless
            it is work for a GPU. Dask uses all its workers otherwise.
        gpu: the function computes on a GPU where there is one. Without Dask it then stays in this process, which has the GPU.
        lost: ``lost(item, reason)`` is the result of an item that killed its Dask worker three times. Without it such an item
            ends the run, after all others are done.
        arguments: small; a Dask worker unpickles them once, not once an item.

    Raises:
        SagaError: a worker process was killed, or Dask's scheduler. The same command resumes.
    """
    items = list(items)
    if (workers == 1 and not gpu) or worker.working():
        return _map_here(function, items, describe, arguments)
    if _engine is not None:
        return _engine.map(function, items, describe, gpu, lost, arguments) if items else []
    if gpu:
        import torch

        workers = 1 if torch.cuda.is_available() else workers
    return _map_in_processes(function, items, describe, workers, arguments)


@contextmanager
def engine(workers: Workers, project: str | Path = ".", needs: Collection[str | Path] = ()) -> Iterator[None]:
    """Within the block, `parallel_map` uses the engine that the parameters name.

    All workers must see ``project`` and, where they exist, the files and folders in ``needs``, under the same paths.

    Raises:
        SagaError: within 30 s, where no scheduler or worker answers, or a worker has another version of this package, does not
            see a folder, may not start processes, or has no GPU where GPUs are asked for.
    """
    global _engine
    if workers.engine == "processes":
        yield
        return
    try:
        from saga_kedro.parallel.cluster import dask_engine
    except ModuleNotFoundError as error:
        raise SagaError(
            f"workers.engine=dask needs the package {error.name}: install the extra `cluster`, on every machine that works."
        ) from None

    with dask_engine(workers.address, workers.gpus_per_worker, Path(project).absolute(), needs) as _engine:
        try:
            yield
        finally:
            _engine = None


def _map_here(function: Callable[..., Any], items: list[Any], describe: str, arguments: Mapping[str, Any]) -> list[Any]:
    from tqdm import tqdm

    shown = tqdm(items, desc=describe, unit="item", disable=not items or worker.working())
    return [function(item, **arguments) for item in shown]


def _map_in_processes(
    function: Callable[..., Any], items: list[Any], describe: str, workers: int | None, arguments: Mapping[str, Any]
) -> list[Any]:
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError
    from tqdm import tqdm

    workers = min(workers or cpu_count(), max(1, len(items)))
    if workers == 1:
        return _map_here(function, items, describe, arguments)
    calls = (delayed(worker.run_one)(function, item, arguments) for item in items)
    try:
        done = list(tqdm(Parallel(workers, return_as="generator")(calls), total=len(items), desc=describe, unit="item"))
    except TerminatedWorkerError:
        raise SagaError(
            f"{describe}: a worker process was killed, most likely for want of memory. The same command resumes; "
            "LOKY_MAX_CPU_COUNT=1 before it takes less memory, and workers.engine=dask passes over an item that kills workers."
        ) from None
    # joblib would keep the processes for the next call, and take another library's resources there for a leak.
    get_reusable_executor().shutdown(wait=True)
    return done
