"""The roll-off predictor is kernel ridge regression with the penalty that leave-one-out prefers."""

import numpy as np
import pytest
import torch

from saga_kedro.draws import generator
from saga_kedro.model.rolloff_predictor import FOURIER, LARGEST, PENALTIES, RolloffPredictor

C = 3


@pytest.fixture
def data():
    source = generator(0, "predictor test")
    features = torch.randn(40, 2 * C, generator=source, dtype=torch.float64)
    f_h = 0.5 + features @ torch.tensor([0.05, 0.0, -0.03, 0.02, 0.0, 0.0], dtype=torch.float64)
    return features, f_h + 0.01 * torch.randn(40, generator=source, dtype=torch.float64)


def test_its_waves_follow_the_gaussian_kernel(data):
    features, f_h = data
    predictor = RolloffPredictor(C, np.float64)
    predictor.fit(features, f_h)
    x = (features - features.mean(dim=0)) / features.std(dim=0, correction=0)
    waves = predictor.waves(features)
    kernel = torch.exp(-torch.cdist(x, x).square() / (2 * 2 * C))
    torch.testing.assert_close(waves @ waves.T * 2 / FOURIER, kernel, atol=0.12, rtol=0)


def test_the_error_it_reports_is_the_leave_one_out_error_of_the_best_penalty(data):
    features, f_h = data
    predictor = RolloffPredictor(C, np.float64)
    reported = predictor.fit(features, f_h)
    waves = predictor.waves(features)

    def left_out(i, penalty):
        others = torch.arange(len(f_h)) != i
        x, y = waves[others] - waves[others].mean(dim=0), f_h[others] - f_h[others].mean()
        dual = torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x), dtype=x.dtype), y)
        return f_h[others].mean() + (waves[i] - waves[others].mean(dim=0)) @ x.T @ dual - f_h[i]

    errors = [torch.stack([left_out(i, penalty) for i in range(len(f_h))]).square().mean().sqrt() for penalty in PENALTIES]
    assert reported == pytest.approx(min(errors).item(), rel=1e-6)


def test_it_learns_from_latents_what_no_straight_line_can():
    loudness = torch.linspace(-1, 1, 300)
    z_l = 0.1 * torch.randn(300, C, 20, generator=generator(0, "latents")) + loudness[:, None, None]
    f_h = 0.3 + 0.4 * loudness.abs()
    predictor = RolloffPredictor(C)
    predictor.fit(RolloffPredictor.features(z_l), f_h)
    assert (predictor.predict(z_l) - f_h).abs().mean() < 0.02


def test_a_prediction_is_a_rolloff():
    predictor = RolloffPredictor(C)
    predictor.fit(torch.randn(50, 2 * C, generator=generator(0, "x")), torch.linspace(0, 1, 50))
    extreme = predictor.predict(1e6 * torch.randn(20, C, 4, generator=generator(0, "extreme")))
    assert extreme.min() >= 0
    assert extreme.max() <= LARGEST < 1


def test_features_that_never_change_do_no_harm(data):
    features, f_h = data
    features[:, 0] = 7
    predictor = RolloffPredictor(C)
    predictor.fit(features, f_h)
    assert predictor.predict(torch.ones(2, C, 5)).isfinite().all()


def test_latents_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        RolloffPredictor(C).fit(torch.full((3, 2 * C), torch.nan), torch.zeros(3))
