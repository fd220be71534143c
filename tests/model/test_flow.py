"""The flow in stable-audio-tools' convention, and its equality with the paper's."""

import pytest
import torch
from scipy.special import pseudo_huber
from torch.nn import functional as F

from saga_kedro.draws import generator
from saga_kedro.model.flow import flow_loss, interpolate, logit_normal, target_velocity, uniform
from saga_kedro.model.sampler import euler
from saga_kedro.model.schedule import linear


@pytest.fixture
def batch():
    source = generator(0, "flow test")
    z_h, noise = torch.randn(2, 3, 4, 5, generator=source)
    return z_h, noise, torch.tensor([0.0, 0.4, 1.0])


def test_the_path_runs_from_data_to_noise(batch):
    z_h, noise, t = batch
    z_t = interpolate(z_h, noise, t)
    assert torch.equal(z_t[0], z_h[0])
    assert torch.equal(z_t[2], noise[2])
    torch.testing.assert_close(z_t[1], 0.6 * z_h[1] + 0.4 * noise[1])


def test_the_velocity_is_the_derivative_of_the_path(batch):
    z_h, noise, t = batch
    derivative = (interpolate(z_h, noise, t + 0.5) - interpolate(z_h, noise, t)) / 0.5
    torch.testing.assert_close(target_velocity(z_h, noise), derivative)


def test_the_papers_convention_gives_the_same_loss_and_the_same_sample(batch):
    """Paper: z_t = (1 - t) noise + t data, v = data - noise, integrated from 0 to 1."""
    z_h, noise, t = batch

    def u(z, t_ours):  # any network, in our convention
        return z.sin() + t_ours[:, None, None]

    def u_paper(z, t_paper):  # the same network, seen from the paper's
        return -u(z, 1 - t_paper)

    t_paper = 1 - t
    z_paper = (1 - t_paper)[:, None, None] * noise + t_paper[:, None, None] * z_h
    ours, _ = flow_loss(u(interpolate(z_h, noise, t), t), target_velocity(z_h, noise))
    theirs = F.mse_loss(u_paper(z_paper, t_paper), z_h - noise)
    torch.testing.assert_close(ours, theirs)

    z = noise
    for i in range(10):
        z = z + 0.1 * u_paper(z, torch.full((3,), i / 10))
    torch.testing.assert_close(euler(u, noise, linear(10)), z)


def test_padding_does_not_count(batch):
    v, target, _ = batch
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    mean, per_item = flow_loss(v, target, mask)
    error = (v - target).square()
    torch.testing.assert_close(mean, torch.cat([error[0].flatten(), error[1, :, :2].flatten()]).mean())
    torch.testing.assert_close(per_item[1], error[1, :, :2].mean())
    assert per_item[2] == 0


def test_of_one_channel_items_that_are_huber_have_the_pseudo_huber_loss_of_scipy():
    e = torch.linspace(-3, 3, 41)
    some = torch.arange(41) % 2 == 0  # the others stay squared
    ours = flow_loss(e[:, None, None], torch.zeros(41, 1, 1), huber=some, delta=0.3)[1]
    theirs = torch.from_numpy(2 * pseudo_huber(0.3, e.double().numpy())).float()
    torch.testing.assert_close(ours, torch.where(some, theirs, e**2), rtol=1e-3, atol=1e-6)


def test_timesteps_have_their_distribution():
    source = generator(0, "t")
    t = torch.stack([uniform(source) for _ in range(4000)])
    assert t.mean() == pytest.approx(0.5, abs=0.02)
    assert t.std() == pytest.approx(12**-0.5, abs=0.01)
    logit = torch.logit(torch.stack([logit_normal(source) for _ in range(4000)]))
    assert logit.mean() == pytest.approx(0, abs=0.06)
    assert logit.std() == pytest.approx(1, abs=0.04)
