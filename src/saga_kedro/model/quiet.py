"""Importing and building stable-audio-tools' models without what they print."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow standard output within the block: stable-audio-tools prints that flash_attn is missing, no news on a CPU.

    Standard error and exceptions pass.
    """
    with redirect_stdout(io.StringIO()):
        yield
