"""Is there an effect? Student's t over seeds, Holm over issues, and three possible answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05
MOST_SEEDS = 1_000

EFFECT, NO_EFFECT, UNDECIDED = "effect", "no effect", "undecided"


@dataclass(frozen=True)
class Verdict:
    """What the seeds say of one difference.

    Attributes:
        mean: of the differences; NaN without any.
        low, high: interval at ``confidence``; NaN where there are fewer than two seeds.
        confidence: 1 - alpha, alpha after Holm's correction.
        p: two-sided, uncorrected; NaN where there are fewer than two seeds.
        answer: ``effect``, ``no effect`` (larger than the smallest that matters) or ``undecided``.
        more_seeds: of an undecided one, how many more would decide if mean and deviation stayed as they are; None where not
            even a thousand would, or nothing is known.
        seeds: how many there are.
    """

    mean: float
    low: float
    high: float
    confidence: float
    p: float
    answer: str
    more_seeds: int | None
    seeds: int


def p_value(differences: Sequence[float]) -> float:
    """Two-sided p of the mean being zero, by Student's t; 0 where all are equal and not zero, 1 where all are zero."""
    from scipy.stats import ttest_1samp

    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return math.nan
    if np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return 1.0 if abs(values.mean()) < 1e-12 else 0.0
    return float(ttest_1samp(values, 0.0).pvalue)


def half_width(deviation: float, seeds: int, alpha: float) -> float:
    """t_{n-1} s / sqrt(n)."""
    from scipy.stats import t

    return float(t.ppf(1 - alpha / 2, seeds - 1)) * deviation / math.sqrt(seeds)


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """The level at which Holm's step-down procedure tests each p: alpha / (m - rank) while all smaller ones are rejected.

    After the first that is not rejected, the rest are tested at that one's level, which they cannot pass. NaN counts as 1.
    """
    clean = [1.0 if math.isnan(p) else p for p in p_values]
    order = sorted(range(len(clean)), key=clean.__getitem__)
    levels = [0.0] * len(clean)
    stopped: float | None = None
    for rank, index in enumerate(order):
        level = alpha / (len(clean) - rank)
        if stopped is None and clean[index] > level:
            stopped = level
        levels[index] = level if stopped is None else stopped
    return levels


def judge(differences: Sequence[float], smallest_effect: float, alpha: float = ALPHA) -> Verdict:
    """One verdict.

    ``no effect`` if the interval lies within -+ ``smallest_effect``; else ``effect`` if it excludes zero; else ``undecided``.

    Args:
        differences: arm minus baseline, one a seed.
        smallest_effect: that matters, in the same unit.
        alpha: level of this test, after correction.
    """
    values = np.asarray([value for value in differences if math.isfinite(value)], dtype=np.float64)
    seeds, mean = len(values), float(np.mean(values)) if len(values) else math.nan
    if seeds < 2:
        return Verdict(mean, math.nan, math.nan, 1 - alpha, math.nan, UNDECIDED, None, seeds)
    deviation = float(np.std(values, ddof=1))
    half = half_width(deviation, seeds, alpha)
    low, high = mean - half, mean + half
    answer = UNDECIDED
    if -smallest_effect < low and high < smallest_effect:
        answer = NO_EFFECT
    elif low > 0 or high < 0:
        answer = EFFECT
    more = seeds_to_decide(mean, deviation, seeds, smallest_effect, alpha) if answer == UNDECIDED else 0
    return Verdict(mean, low, high, 1 - alpha, p_value(values.tolist()), answer, more, seeds)


def seeds_to_decide(mean: float, deviation: float, seeds: int, smallest_effect: float, alpha: float) -> int | None:
    """How many more seeds would decide, mean and deviation staying as they are; None where a thousand would not."""
    reach = max(abs(mean), smallest_effect - abs(mean))
    for n in range(seeds + 1, MOST_SEEDS + 1):
        if half_width(deviation, n, alpha) < reach:
            return n - seeds
    return None
