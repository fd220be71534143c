"""Equation 4, branch by branch, found by name; Euler's method against stable-audio-tools'; schedules of known values."""

import numpy as np
import pytest
import torch

from saga_kedro.draws import generator
from saga_kedro.model.guidance import GUIDANCE, eq4
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.parts import part
from saga_kedro.model.sampler import euler
from saga_kedro.model.schedule import linear, linear_quadratic
from tiny_model import away_from_zero, random_condition


@pytest.fixture(scope="module", params=["zeroed_context", "zeroed_text"])
def network(request):
    network = SagaNetwork(latent_channels=4, text_width=16, embed_dim=32, depth=1, num_heads=1, text_null=request.param)
    away_from_zero(network)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def batch():
    z_t = torch.randn(2, 4, 6, generator=generator(0, "guidance test"))
    return z_t, torch.tensor([0.5, 0.5]), random_condition("guidance test, condition", items=2, frames=6, tokens=3)


def test_guidance_is_equation_4_branch_by_branch(network, batch):
    z_t, t, condition = batch
    every = torch.ones(2, dtype=torch.bool)
    u_none = network(z_t, t, condition, every, every)
    u_acoustic = network(z_t, t, condition, None, every)
    u_full = network(z_t, t, condition)
    expected = u_none + 1.4 * (u_acoustic - u_none) + 1.2 * (u_full - u_acoustic)
    torch.testing.assert_close(eq4(network, z_t, t, condition, 1.4, 1.2), expected, atol=1e-5, rtol=1e-5)


def test_scales_of_one_give_the_fully_conditional_velocity(network, batch):
    z_t, t, condition = batch
    torch.testing.assert_close(eq4(network, z_t, t, condition, 1, 1), network(z_t, t, condition))
    # and continuously so: computed from three branches, it is the same
    torch.testing.assert_close(eq4(network, z_t, t, condition, 1 + 1e-6, 1), network(z_t, t, condition), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("schedule", [linear(8), linear_quadratic(9)], ids=["linear", "linear_quadratic"])
def test_euler_is_stable_audio_tools_sample_discrete_euler(schedule):
    from stable_audio_tools.inference.sampling import sample_discrete_euler

    def velocity(z, t):
        return (3 * z).cos() - t[:, None, None]

    noise = torch.randn(2, 4, 6, generator=generator(0, "euler test"))
    theirs = sample_discrete_euler(velocity, noise, sigmas=schedule, disable_tqdm=True)
    torch.testing.assert_close(euler(velocity, noise, schedule), theirs, atol=1e-6, rtol=1e-6)


def test_linear_is_stable_audio_tools_default_and_linear_quadratic_has_the_authors_values():
    np.testing.assert_allclose(linear(7), torch.linspace(1, 0, 8).numpy(), rtol=1e-6)
    for schedule in (linear, linear_quadratic):
        with pytest.raises(ValueError, match="at least one step"):
            schedule(0)
    t = linear_quadratic(100)
    assert len(t) == 101
    for i, value in {0: 1.0, 1: 0.999, 50: 0.95, 51: 0.94962, 99: 0.0376, 100: 0.0}.items():
        assert t[i].item() == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(("steps", "values"), [(1, [1, 0]), (2, [1, 0.999, 0]), (3, [1, 0.999, 0.75 * 0.999, 0])])
def test_linear_quadratic_with_few_steps_falls_to_zero(steps, values):
    assert linear_quadratic(steps).tolist() == pytest.approx(values, abs=1e-6)


def test_a_part_is_found_and_an_unknown_name_lists_the_known_ones():
    assert part("guidance", GUIDANCE, "eq4") is eq4
    with pytest.raises(ValueError, match=r"^There is no guidance named 'eq5'; known: .*eq4.*\.$"):
        part("guidance", GUIDANCE, "eq5")
