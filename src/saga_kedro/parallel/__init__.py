"""Work over many items, with a progress bar, in the order of the items: on the cores of this machine, or on Dask's workers.

`parallel_map` is the one door, and `engine` says for a while who stands behind it. No other code knows.
"""

from saga_kedro.parallel.door import engine, parallel_map

__all__ = ["engine", "parallel_map"]
