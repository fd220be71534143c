"""Work over many items, on the cores of this machine or on Dask's workers; only `engine` knows which."""

from saga_kedro.parallel.executor import engine, parallel_map

__all__ = ["engine", "parallel_map"]
