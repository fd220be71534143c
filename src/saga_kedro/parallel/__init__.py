"""Work over many items, with a progress bar, in the order of the items: on the cores of this machine, or on Dask's workers.

`parallel_map` does it, and `engine` chooses for a while where. No other code knows.
"""

from saga_kedro.parallel.executor import engine, parallel_map

__all__ = ["engine", "parallel_map"]
