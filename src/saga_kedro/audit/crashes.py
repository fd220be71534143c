"""Which errors are an arm's result, and which only say that the machine could not run it."""

from __future__ import annotations

import torch

from saga_kedro.files import NoSpace
from saga_kedro.weights import MissingWeights

ENVIRONMENT = (OSError, MemoryError, ImportError, NoSpace, MissingWeights, torch.OutOfMemoryError)
ENVIRONMENT_IN_WORDS = (
    "No space left",
    "Disk quota exceeded",
    "allocate memory",
    "not enough memory",
    "CUDA error",
    "CUDNN_STATUS",
    "DataLoader worker (",
)
"""What PyTorch says in a plain RuntimeError: a full disk, no memory on the CPU, a broken GPU, a killed loader."""


def is_environment(error: BaseException) -> bool:
    """Whether a missing file, package or weights, a full disk or a lack of memory caused ``error``."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ENVIRONMENT) or any(words in str(cause) for words in ENVIRONMENT_IN_WORDS):
            return True
        cause = cause.__cause__
    return False


def crash_of(error: Exception) -> str:
    """Type and message of an arm's error, which is its result; one that the environment caused is raised and ends the run."""
    if is_environment(error):
        raise error
    return f"{type(error).__name__}: {error}"
