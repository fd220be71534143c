"""Everything random comes from a hash of what it is for, never from a shared stream.

A draw is named, e.g. ``(seed, "noise", clip_id, step)``. Two runs that differ in one module still see the same segments,
filters, timesteps, noise, dropout and initial weights, and a resumed run continues as if it had not stopped.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Key = str | int | float


def seed_of(*key: Key) -> int:
    """A seed in [0, 2^63), the same on every machine: the first 8 bytes of the BLAKE2b hash of the key as JSON, without sign.

    ``key`` is what the draw is for, most general first, e.g. ``seed_of(0, "segment", clip_id, 3)``.
    """
    text = json.dumps(key, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def rng(*key: Key) -> np.random.Generator:
    """A NumPy generator for the draw named ``key``."""
    return np.random.default_rng(seed_of(*key))


def generator(*key: Key) -> torch.Generator:
    """A CPU torch generator for the draw named ``key``. Draw on the CPU and move: devices draw different streams."""
    import torch

    return torch.Generator().manual_seed(seed_of(*key))
