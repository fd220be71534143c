"""In which precision the codecs without weights compute, whatever they are given."""

from __future__ import annotations

from saga_kedro.arrays import Array, array_namespace


def in_working_dtype(array: Array) -> Array:
    """float64 for float64, else float32: half precisions neither transform nor keep a level of -100 dB."""
    xp = array_namespace(array)
    return array if array.dtype == xp.float64 else xp.astype(array, xp.float32, copy=False)
