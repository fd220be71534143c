"""Is there an effect, and is it large enough to matter? Intervals that hold at every look and for every arm together.

An observation is the score of an arm minus that of its baseline, with the same seed, draws and initial weights. Trainings are
added in looks until an arm is decided or the limit is reached. At each look the interval is Student's t of the differences so
far, as a repeated confidence interval (Jennison and Turnbull, "Group Sequential Methods with Applications to Clinical Trials",
2000, chapter 9). The error is split evenly over looks and arms (Bonferroni, which needs no independence), so all intervals
together cover their true differences with 95 %.

`answer` has the one rule, and docs/audit.md the same as a table. What is size_open or undecided, another training can decide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga_kedro.evaluation.summary import interval

ALPHA = 0.05
LOOKS = (5, 8, 12, 20)  # trainings of an arm after which it is judged

MATTERS, SMALL, NO_EFFECT = "matters", "real_but_small", "no_effect"
SIZE_OPEN, UNDECIDED = "size_open", "undecided"
OPEN = (SIZE_OPEN, UNDECIDED)


@dataclass(frozen=True)
class Verdict:
    """Mean and interval of the differences, the answer, and how many trainings there are; NaN where there are too few."""

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


def answer(low: float, high: float, smallest_effect: float) -> str:
    """What an interval says: docs/audit.md has the rule as a table."""
    excludes_zero = low > 0 or high < 0
    if low >= smallest_effect or high <= -smallest_effect:
        return MATTERS
    if -smallest_effect < low and high < smallest_effect:
        return SMALL if excludes_zero else NO_EFFECT
    return SIZE_OPEN if excludes_zero else UNDECIDED


def judge(differences: Sequence[float], smallest_effect: float, alpha: float) -> Verdict:
    """One verdict on differences (arm minus baseline, one a training); ``alpha`` is of `level`."""
    values = np.asarray([value for value in differences if math.isfinite(value)], dtype=np.float64)
    seeds, mean = len(values), float(np.mean(values)) if len(values) else math.nan
    if seeds < 2:
        return Verdict(mean, math.nan, math.nan, UNDECIDED, seeds)
    low, high = interval(values, 1 - alpha)
    return Verdict(mean, low, high, answer(low, high, smallest_effect), seeds)
