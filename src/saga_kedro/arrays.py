"""The same code for NumPy arrays and for tensors: the array API, and the little that it lacks. Torch is imported for tensors
only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_torch_array

__all__ = ["Array", "array_namespace", "exact", "like", "padded", "to_numpy"]

Array = Any
"""A NumPy array or a tensor. A function gives back the kind that it was given."""


def like(table: np.ndarray, array: Array) -> Array:
    """A table as an array of the other one's kind and device, in its dtype where both are floats."""
    xp = array_namespace(array)
    floats = np.issubdtype(table.dtype, np.floating)
    return xp.asarray(table, dtype=array.dtype if floats else None, device=device(array))


def padded(array: Array, before: int, behind: int) -> Array:
    """Zeros before and behind the last axis."""
    if not before and not behind:
        return array
    xp = array_namespace(array)
    zeros = [xp.zeros((*array.shape[:-1], n), dtype=array.dtype, device=device(array)) for n in (before, behind)]
    return xp.concat([zeros[0], array, zeros[1]], axis=-1)


def to_numpy(array: Array) -> np.ndarray:
    """The same in the processor's memory, float32 where it was a half precision."""
    if not is_torch_array(array):
        return np.asarray(array)
    array = array.detach().cpu()
    return array.float().numpy() if array.itemsize == 2 and array.is_floating_point() else array.numpy()


@contextmanager
def exact(array: Array) -> Iterator[None]:
    """Within the block tensors are computed with in their own precision, autocast or not, and without gradients."""
    if not is_torch_array(array):
        yield
        return
    import torch

    with torch.no_grad(), torch.autocast(array.device.type, enabled=False):
        yield
