"""Verdicts from differences over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from saga_kedro.audit.statistics import EFFECT, NO_EFFECT, UNDECIDED, holm, judge, p_value


def test_a_planted_effect_is_found():
    differences = 0.3 + 0.02 * np.random.default_rng(0).standard_normal(5)
    assert judge(differences.tolist(), smallest_effect=0.05).answer == EFFECT


def test_no_difference_at_all_is_no_effect():
    verdict = judge([0.0, 0.0, 0.0], smallest_effect=0.05)
    assert (verdict.answer, verdict.low, verdict.high) == (NO_EFFECT, 0.0, 0.0)


def test_a_small_but_certain_difference_is_no_effect_that_matters():
    assert judge([0.010, 0.011, 0.009, 0.010, 0.0105], smallest_effect=0.05).answer == NO_EFFECT


def test_noise_is_undecided_and_says_how_many_more_seeds():
    differences = [0.1, -0.05, 0.12, -0.02, 0.15]
    verdict = judge(differences, smallest_effect=0.01)
    assert verdict.answer == UNDECIDED
    assert verdict.more_seeds is not None
    n = len(differences) + verdict.more_seeds
    half = stats.t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / math.sqrt(n)
    before = stats.t.ppf(0.975, n - 2) * np.std(differences, ddof=1) / math.sqrt(n - 1)
    assert half < np.mean(differences) <= before


def test_one_seed_decides_nothing():
    assert judge([5.0], smallest_effect=0.1).answer == UNDECIDED


def test_the_interval_is_students():
    differences = [0.2, 0.3, 0.25]
    verdict = judge(differences, smallest_effect=0.01, alpha=0.05)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(differences), scale=stats.sem(differences))
    assert (verdict.low, verdict.high) == pytest.approx((low, high))
    assert verdict.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_equal_differences_that_are_not_zero_are_certain():
    assert p_value([4.8, 4.8, 4.8]) == 0.0


def test_holm_tests_the_smallest_most_strictly_and_stops_at_the_first_that_fails():
    levels = holm([0.001, 0.02, 0.03, 0.2])
    assert levels == pytest.approx([0.05 / 4, 0.05 / 3, 0.05 / 3, 0.05 / 3])
    assert [p <= level for p, level in zip([0.001, 0.02, 0.03, 0.2], levels, strict=True)] == [True, False, False, False]


def test_holm_agrees_with_a_reference_written_out():
    values = [0.04, 0.001, 0.012, 0.02]
    ordered = sorted(values)
    rejected = []
    for rank, p in enumerate(ordered):
        if p > 0.05 / (len(values) - rank):
            break
        rejected.append(p)
    assert [p for p, level in zip(values, holm(values), strict=True) if p <= level] == [p for p in values if p in rejected]
