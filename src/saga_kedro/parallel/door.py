"""The one door for work over many items, and the engine behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from saga_kedro.parallel import inside
from saga_kedro.parallel.processes import map_here, map_in_processes

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(Protocol):
    """What maps on other processes than ours."""

    def map(
        self,
        function: Callable[..., Any],
        items: list[Any],
        describe: str,
        gpu: bool,
        lost: Callable[[Any, str], Any] | None,
        arguments: Mapping[str, Any],
    ) -> list[Any]: ...


# One for the process and not for the context: Kedro may run nodes in threads, which must find it.
_engine: Engine | None = None


def parallel_map(
    function: Callable[..., Result],
    items: Iterable[Item],
    describe: str,
    workers: int | None = None,
    gpu: bool = False,
    lost: Callable[[Item, str], Result] | None = None,
    **arguments: Any,
) -> list[Result]:
    """Apply ``function(item, **arguments)`` to every item in processes of their own, or on Dask's workers (see `engine`).

    Args:
        function: a module-level function; what goes wrong with one item it returns, it does not raise. What it makes it
            writes atomically where all can see it, and finds there when it is called again: a killed worker's items are.
        items: what to work on; results come back in the same order.
        describe: the progress bar's text.
        workers: processes; None is one a core, at most LOKY_MAX_CPU_COUNT where that is set. 1 stays in this process,
            whatever the engine, unless it is work for a GPU; of Dask's workers all are used otherwise.
        gpu: the function computes on a GPU where there is one. In processes, all of them then stay in this one, which has it.
        lost: ``lost(item, reason)`` is the result of an item that killed its Dask worker three times. Without it such an item
            ends the run, when all others are done.
        arguments: passed to every call. A Dask worker unpickles them once, not once an item.

    Raises:
        click.ClickException: one sentence; a worker process was killed, or Dask's scheduler. The same command goes on.
    """
    items = list(items)
    if (workers == 1 and not gpu) or inside.a_worker():
        return map_here(function, items, describe, arguments)
    if _engine is not None:
        return _engine.map(function, items, describe, gpu, lost, arguments) if items else []
    return map_in_processes(function, items, describe, workers, gpu, arguments)


@contextmanager
def engine(
    workers: Mapping[str, Any],
    project: str | Path = ".",
    needs: Collection[str | Path] = (),
    weights: Collection[str | Path] = (),
) -> Iterator[None]:
    """Within the block, `parallel_map` works on the engine that the parameters name.

    Args:
        workers: the section of parameters.
        project: the project folder, which all workers see under the same path.
        needs: further folders that they must see.
        weights: files, and folders of files, that must be the same for them.

    Raises:
        click.ClickException: one sentence, within 30 s: no scheduler or no worker answers, or workers have another version of
            this package or of the weights, do not see a folder, or have no GPU where GPUs are asked for.
    """
    global _engine
    if workers["engine"] == "processes":
        yield
        return
    from saga_kedro.parallel.cluster import dask_engine

    with dask_engine(workers["address"], workers["gpus_per_worker"], Path(project).absolute(), needs, weights) as _engine:
        try:
            yield
        finally:
            _engine = None
