"""Means over clips with their 95 % interval."""

import math

import numpy as np
import pandas as pd

from saga_kedro.evaluation.names import metric_name
from saga_kedro.evaluation.score import PLACEMENT

KEYS = ["row", "category", "cutoff_khz", "metric"]
COLUMNS = [*KEYS, "mean", "low", "high", "deviation", "clips"]


def interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of a mean: mean -+ t_{n-1} s / sqrt(n), s the sample deviation (n - 1).

    Clips of one group (speaker, piece) are not independent: with few groups the true interval is wider. NaN, NaN for fewer than
    two values or where one of them is infinite.
    """
    from scipy.stats import t

    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return math.nan, math.nan
    half = float(t.ppf(0.5 + confidence / 2, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    mean = float(np.mean(values))
    return mean - half, mean + half


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % interval over clips, per row, category, cutoff and metric.

    Args:
        scores: of `evaluation.score.score_outputs`; NaN is missing and counts nowhere, nor does ``PLACEMENT``.

    Returns:
        ``COLUMNS``: low and high are the interval, deviation is over clips, clips is how many were scored. A combination
        without a value has no line.
    """
    lines = []
    present = scores[scores["value"].notna() & ~scores["metric"].isin(PLACEMENT)]
    for key, group in present.groupby(KEYS, sort=False):
        values = group["value"].to_numpy(np.float64)
        low, high = interval(values)
        deviation = math.nan if math.isnan(low) else float(np.std(values, ddof=1))
        lines.append((*key, float(np.mean(values)), low, high, deviation, len(values)))
    return pd.DataFrame(lines, columns=COLUMNS)


def flatten(summary: pd.DataFrame) -> dict[str, float]:
    """The means under their metric names; one that is missing or not finite is left out, never zero."""
    return {
        metric_name(line["row"], line["metric"], line["category"], line["cutoff_khz"]): float(line["mean"])
        for line in summary.to_dict("records")
        if math.isfinite(line["mean"])
    }
