"""How a number is called, wherever it is shown: ``eval/LSD/speech/4kHz``."""

from __future__ import annotations

import re

OURS = "ours"


def cutoff_name(cutoff_khz: float) -> str:
    """``4`` and ``4.0`` give ``4kHz``, ``5.5`` gives ``5.5kHz``."""
    return f"{float(cutoff_khz):g}kHz"


def metric_name(row: str, metric: str, category: str, cutoff_khz: float) -> str:
    """The name of one mean in MLflow, in ``dvc metrics`` and in reports.

    Args:
        row: ``ours`` gives ``eval/...``; another row (``untouched``, ``codec``, another system) ``eval_<row>/...``.
        metric: ``LSD``, ``SI-SDR``, ...
        category: ``speech``, ``music``, ``effects`` or ``other``.
        cutoff_khz: of the input, in kHz.

    Returns:
        ``eval/LSD/speech/4kHz``. Signs that MLflow refuses in a name become ``_``.
    """
    prefix = "eval" if row == OURS else f"eval_{row}"
    parts = (prefix, metric, category, cutoff_name(cutoff_khz))
    return "/".join(re.sub(r"[^\w.\- ]", "_", part, flags=re.ASCII) for part in parts)
