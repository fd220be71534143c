"""In which precision the codecs without weights compute, whatever they are given."""

from __future__ import annotations

import torch
from torch import Tensor


def working_dtype(tensor: Tensor) -> torch.dtype:
    """float64 for float64, else float32: half precisions neither transform nor keep a level of -100 dB."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
