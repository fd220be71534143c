"""What holds inside a process that works for another: what it maps in its turn it maps by itself, since the cores are taken."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

_worker = False


def a_worker() -> bool:
    return _worker


def become_a_worker() -> None:
    """Says so of this process, for good."""
    global _worker
    _worker = True


def may_have_children() -> None:
    """A Dask worker is a daemon, which may have no children lest they outlive it. A loader's do not."""
    multiprocessing.current_process().daemon = False


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes in one thread: with another number it sums in another order, and results shall be the same all over."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
