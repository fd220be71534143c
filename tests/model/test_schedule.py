"""Schedules have known values for 100 steps, and of their formula for others."""

import numpy as np
import pytest
import torch

from saga_kedro.model.schedule import linear, linear_quadratic


def test_linear_is_stable_audio_tools_default():
    np.testing.assert_allclose(linear(7), torch.linspace(1, 0, 8).numpy(), rtol=1e-6)


def test_linear_quadratic_with_100_steps_has_the_authors_values():
    t = linear_quadratic(100)
    assert len(t) == 101
    for i, value in {0: 1.0, 1: 0.999, 50: 0.95, 51: 0.94962, 99: 0.0376, 100: 0.0}.items():
        assert t[i].item() == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 17])
def test_linear_quadratic_follows_its_formula(steps):
    half = steps // 2
    last = 1 - half / 1000
    expected = [1 - i / 1000 for i in range(half + 1)]
    expected += [last * (1 - (k / (steps - half)) ** 2) for k in range(1, steps - half + 1)]
    t = linear_quadratic(steps)
    assert t.tolist() == pytest.approx(expected, abs=1e-6)
    assert bool((np.diff(t) < 0).all())


@pytest.mark.parametrize("schedule", [linear, linear_quadratic])
def test_no_steps_is_refused(schedule):
    with pytest.raises(ValueError, match="at least one step"):
        schedule(0)
