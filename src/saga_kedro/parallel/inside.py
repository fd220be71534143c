"""Whether this process is a worker: what it maps in its turn it maps by itself, since the cores are taken."""

from __future__ import annotations

_worker = False


def a_worker() -> bool:
    return _worker


def become_a_worker() -> None:
    """Says so of this process, for good."""
    global _worker
    _worker = True
