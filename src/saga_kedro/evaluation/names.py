"""The names of metrics: ``eval/LSD/speech/4kHz``."""

import re

OURS = "ours"


def cutoff_name(cutoff_khz: float) -> str:
    """``4`` and ``4.0`` give ``4kHz``, ``5.5`` gives ``5.5kHz``."""
    return f"{float(cutoff_khz):g}kHz"


def metric_name(row: str, metric: str, category: str, cutoff_khz: float) -> str:
    """The name of one mean in MLflow, in ``dvc metrics`` and in reports.

    Another row than ours (``untouched``, another system) gives ``eval_<row>/...``. Signs that MLflow refuses become ``_``.
    """
    prefix = "eval" if row == OURS else f"eval_{row}"
    parts = (prefix, metric, category, cutoff_name(cutoff_khz))
    return "/".join(re.sub(r"[^\w.\- ]", "_", part, flags=re.ASCII) for part in parts)
