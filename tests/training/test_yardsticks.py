"""The losses that knowing little would give."""

import math

import pytest
import torch

from saga_kedro.training.yardsticks import gaussian_floor, residual_deviation, yardsticks


@pytest.mark.parametrize("s", [0.5, 0.705, 1.0, 2.0])  # a random VAE's latents have 0.705
def test_the_floor_is_s_pi_half_under_uniform_t_and_1_741_for_unit_latents_under_logit_normal_t(s):
    assert gaussian_floor(s, "uniform") == pytest.approx(s * math.pi / 2, rel=1e-3)
    assert gaussian_floor(1.0, "logit_normal") == pytest.approx(1.741, abs=1e-3)


def test_what_a_linear_map_of_z_l_explains_is_taken_away():
    source = torch.Generator().manual_seed(0)
    z_l = torch.randn(4, 6, 500, generator=source)
    mixing = torch.randn(6, 6, generator=source)
    z_h = torch.einsum("ij,bjt->bit", mixing, z_l) + 1.5 + 0.3 * torch.randn(4, 6, 500, generator=source)
    assert residual_deviation(z_h, z_l) == pytest.approx(0.3, rel=0.02)


def test_a_z_l_that_is_constant_in_places_is_no_trouble():
    z_l = torch.randn(2, 4, 300, generator=torch.Generator().manual_seed(0))
    z_l[:, 2:] = -3.0
    assert residual_deviation(z_l + 0.0, z_l) < 0.02


def test_knowing_more_lowers_the_floor():
    source = torch.Generator().manual_seed(0)
    z_l = torch.randn(4, 6, 500, generator=source)
    known = yardsticks(z_l + 0.5 * torch.randn(4, 6, 500, generator=source), z_l, "logit_normal")
    assert known["yardstick/nothing"] > known["yardstick/variance"] > known["yardstick/z_l"] > 0
    assert known["latent/std"] == pytest.approx(1.118, abs=0.02)
