"""The engine that needs nothing: processes on the cores of this machine (joblib)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from click import ClickException

from saga_kedro.parallel import inside


def map_here(function: Callable[..., Any], items: list[Any], describe: str, arguments: Mapping[str, Any]) -> list[Any]:
    """The items in this process, one after the other."""
    from tqdm import tqdm

    shown = tqdm(items, desc=describe, unit="item", disable=not items or inside.a_worker())
    return [function(item, **arguments) for item in shown]


def map_in_processes(
    function: Callable[..., Any], items: list[Any], describe: str, workers: int | None, gpu: bool, arguments: Mapping[str, Any]
) -> list[Any]:
    """The items in as many processes as there are cores; arguments and errors as `door.parallel_map` has them."""
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError
    from tqdm import tqdm

    if gpu:
        import torch

        workers = 1 if torch.cuda.is_available() else workers
    workers = min(workers or cpu_count(), max(1, len(items)))
    if workers == 1:
        return map_here(function, items, describe, arguments)
    results = Parallel(n_jobs=workers, return_as="generator")(delayed(_work)(function, item, arguments) for item in items)
    try:
        done = list(tqdm(results, total=len(items), desc=describe, unit="item"))
    except TerminatedWorkerError:
        raise ClickException(
            f"{describe}: a worker process was killed, most likely for want of memory. The same command goes on where it was; "
            "LOKY_MAX_CPU_COUNT=1 before it takes less memory, and workers.engine=dask passes over an item that kills workers."
        ) from None
    # joblib would keep the processes for the next call, and take what another library needs there for a leak.
    get_reusable_executor().shutdown(wait=True)
    return done


def _work(function: Callable[..., Any], item: Any, arguments: Mapping[str, Any]) -> Any:
    inside.become_a_worker()
    return function(item, **arguments)
