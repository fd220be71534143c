"""Importing and building stable-audio-tools' models without what they print."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow standard output and warnings within the block: stable-audio-tools prints that flash_attn is missing, no news on a
    CPU, and what it imports warns of things that are long deprecated.

    What else goes to standard error, and exceptions, pass.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def without_compiler() -> Iterator[None]:
    """Keep stable-audio-tools from compiling a kernel for block masks while it is imported.

    Nothing here masks blocks, and torch's compiler takes longer to import than all the rest. The library then goes on with the
    kernel as it is.
    """
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        del sys.modules[name]
