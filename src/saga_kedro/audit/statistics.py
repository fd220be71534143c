"""Is there an effect? Intervals over trainings that hold at every look and for every arm at once.

The unit of replication is a training: an arm and its baseline are trained from the same seed, on the same draws and from the
same initial weights, and the difference of their scores is one observation. Trainings are added in looks until an arm is
decided or the limit is reached. The intervals are repeated confidence intervals (Jennison and Turnbull, "Group Sequential
Methods with Applications to Clinical Trials", 2000, chapter 9): at each look Student's t interval of the differences so far,
at a level such that all intervals, over all looks and all arms, cover their true differences together with 95 %. The error is
split evenly over looks and arms (Bonferroni), which needs no assumption about how arms and looks depend on each other. One
interval serves both questions: it excludes zero, or it lies within what does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05
LOOKS = (5, 8, 12, 20)
"""Trainings of each arm after which it is asked whether it is decided."""

MATTERS, NO_EFFECT, UNDECIDED = "matters", "no_effect", "undecided"


@dataclass(frozen=True)
class Verdict:
    """What the trainings say of one difference.

    Attributes:
        mean: of the differences; NaN without any.
        low, high: interval; NaN where there are fewer than two trainings.
        answer: ``no_effect`` (the interval lies within what does not matter), ``matters`` (it excludes zero), or ``undecided``.
        seeds: how many trainings there are.
    """

    mean: float
    low: float
    high: float
    answer: str
    seeds: int


def looks(limit: int) -> list[int]:
    """Numbers of trainings at which arms are judged: those of `LOOKS` below ``limit``, and ``limit``."""
    return [*(n for n in LOOKS if n < limit), limit]


def level(arms: int, limit: int) -> float:
    """Two-sided level of one interval: `ALPHA`, split over ``arms`` and over the looks up to ``limit`` trainings."""
    return ALPHA / (max(1, arms) * len(looks(limit)))


def half_width(deviation: float, seeds: int, alpha: float) -> float:
    """t_{n-1} s / sqrt(n)."""
    from scipy.stats import t

    return float(t.ppf(1 - alpha / 2, seeds - 1)) * deviation / math.sqrt(seeds)


def judge(differences: Sequence[float], smallest_effect: float, alpha: float) -> Verdict:
    """One verdict.

    Args:
        differences: arm minus baseline, one a training.
        smallest_effect: that matters, in the same unit.
        alpha: of `level`.
    """
    values = np.asarray([value for value in differences if math.isfinite(value)], dtype=np.float64)
    seeds, mean = len(values), float(np.mean(values)) if len(values) else math.nan
    if seeds < 2:
        return Verdict(mean, math.nan, math.nan, UNDECIDED, seeds)
    half = half_width(float(np.std(values, ddof=1)), seeds, alpha)
    low, high = mean - half, mean + half
    answer = UNDECIDED
    if -smallest_effect < low and high < smallest_effect:
        answer = NO_EFFECT
    elif low > 0 or high < 0:
        answer = MATTERS
    return Verdict(mean, low, high, answer, seeds)
