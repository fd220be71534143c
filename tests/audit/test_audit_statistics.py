"""Verdicts from differences over trainings."""

import math

import numpy as np
import pytest
from scipy import stats

from saga_kedro.audit.statistics import (
    ALPHA,
    LOOKS,
    MATTERS,
    NO_EFFECT,
    OPEN,
    SIZE_OPEN,
    SMALL,
    UNDECIDED,
    answer,
    judge,
    level,
    looks,
)

MARGIN = 0.05


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.06, 0.2, MATTERS), (-0.2, -0.05, MATTERS),
        (0.004, 0.04, SMALL), (-0.04, -0.004, SMALL),
        (-0.04, 0.03, NO_EFFECT), (0.0, 0.0, NO_EFFECT),
        (0.004, 0.051, SIZE_OPEN), (-0.2, -0.01, SIZE_OPEN),
        (-0.01, 0.06, UNDECIDED), (-0.2, 0.2, UNDECIDED),
    ],
)  # fmt: skip
def test_one_rule_gives_every_answer(low, high, expected):
    assert answer(low, high, MARGIN) == expected


def test_the_interval_is_students_and_one_training_decides_nothing():
    assert judge([5.0], 0.1, ALPHA).answer == UNDECIDED
    assert math.isnan(judge([5.0], 0.1, ALPHA).low)
    differences = [0.2, 0.3, 0.25]
    verdict = judge(differences, 0.01, alpha=0.05)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(differences), scale=stats.sem(differences))
    assert (verdict.low, verdict.high, verdict.answer) == (pytest.approx(low), pytest.approx(high), MATTERS)


def test_an_arm_is_judged_at_every_look_up_to_the_limit_and_the_error_is_shared_by_all_arms_and_looks():
    assert level(40, 20) * 40 * len(LOOKS) == pytest.approx(ALPHA)
    assert looks(20) == list(LOOKS)
    assert looks(6) == [5, 6]
    assert looks(1) == [1]


def decided(effects: np.ndarray, deviation: float, generator: np.random.Generator) -> list[tuple[str, int]]:
    """Answer and trainings of each arm of one simulated audit, looked at as `run_arms` looks."""
    alpha = level(len(effects), LOOKS[-1])
    found = []
    for effect in effects:
        differences = effect + deviation * generator.standard_normal(LOOKS[-1])
        verdicts = (judge(differences[:n].tolist(), MARGIN, alpha) for n in LOOKS)
        verdict = next((v for v in verdicts if v.answer not in OPEN), judge(differences.tolist(), MARGIN, alpha))
        found.append((verdict.answer, verdict.seeds))
    return found


def test_over_all_looks_and_arms_a_wrong_answer_comes_in_at_most_one_audit_of_twenty():
    generator = np.random.default_rng(1)
    # half of the arms do nothing, half just as much as matters: the first must not «matter», the second not have «no effect»
    effects = np.repeat([0.0, MARGIN], 10)
    wrong, audits = 0, 100
    for _ in range(audits):
        answers = [answer for answer, _ in decided(effects, 0.03, generator)]
        wrong += {MATTERS, SMALL, SIZE_OPEN} & {*answers[:10]} != set() or {NO_EFFECT, SMALL} & {*answers[10:]} != set()
    assert wrong / audits <= ALPHA


def test_large_effects_and_none_are_decided_with_few_trainings_and_noise_takes_more():
    generator = np.random.default_rng(2)
    large = decided(np.full(40, 0.6), 0.03, generator)
    none = decided(np.zeros(40), 0.008, generator)
    noisy = decided(np.zeros(40), 0.03, generator)
    assert all(answer == MATTERS for answer, _ in large)
    assert np.mean([seeds for _, seeds in large]) < 6
    assert all(answer == NO_EFFECT for answer, _ in none)
    assert np.mean([seeds for _, seeds in none]) < 9
    assert np.mean([answer == NO_EFFECT for answer, _ in noisy]) > 0.9
    assert np.mean([seeds for _, seeds in noisy]) > 9
