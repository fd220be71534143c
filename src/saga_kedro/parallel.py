"""Work over many items on all cores, with a progress bar, in the order of the items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[..., Result],
    items: Iterable[Item],
    describe: str,
    workers: int | None = None,
    gpu: bool = False,
    **arguments: Any,
) -> list[Result]:
    """Apply ``function(item, **arguments)`` to every item in processes of their own.

    Args:
        function: a module-level function; what goes wrong with one item it returns, it does not raise.
        items: what to work on; results come back in the same order.
        describe: the progress bar's text.
        workers: processes; None is one a core, at most LOKY_MAX_CPU_COUNT where that is set. 1 stays in this process.
        gpu: the function computes on a GPU where there is one: then all of them in this process, which has it.
        arguments: passed to every call.
    """
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky import get_reusable_executor
    from tqdm import tqdm

    items = list(items)
    if gpu:
        import torch

        workers = 1 if torch.cuda.is_available() else workers
    workers = min(workers or cpu_count(), max(1, len(items)))
    results = Parallel(n_jobs=workers, return_as="generator")(delayed(function)(item, **arguments) for item in items)
    done = list(tqdm(results, total=len(items), desc=describe, unit="item", disable=not items))
    if workers > 1:
        # joblib would keep the processes for the next call, and take what another library needs there for a leak.
        get_reusable_executor().shutdown(wait=True)
    return done
