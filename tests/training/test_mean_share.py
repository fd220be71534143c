"""Items that start from no noise: what they learn is the mean of what z_h could be."""

import pytest
import torch

from saga_kedro.model.condition import UNSPECIFIED
from saga_kedro.model.network import SagaNetwork
from saga_kedro.training.flow_training import FlowTraining
from small_corpus import tiny_parameters


class Frozen(torch.nn.Module):
    """A codec that is not asked: the batch holds latents."""

    hop = 1


def step(**fit):
    """What the network is given in a training step on forty items, and the loss."""
    torch.manual_seed(0)
    network = SagaNetwork(latent_channels=4, text_width=16, embed_dim=32, depth=1, num_heads=1)
    parameters = tiny_parameters(fit={"drop_z_l": 0.0, **fit})
    training = FlowTraining(network, Frozen(), parameters.fit)  # type: ignore[arg-type]
    given: list = []
    network.register_forward_pre_hook(lambda module, arguments: given.extend(arguments[:3]))
    source = torch.Generator().manual_seed(0)
    draw = {name: torch.randn(40, 4, 8, generator=source) for name in ("z_h_mean", "z_l")}
    batch = {
        **draw,
        "z_h_deviation": torch.zeros(40, 4, 8),
        "name": [f"item {k}" for k in range(40)],
        "text": torch.zeros(40, 3, 16),
        "f_l": torch.full((40,), 0.2),
        "f_h": torch.full((40,), 0.8),
        "valid": torch.full((40,), 8),
    }
    loss = training.training_step(batch, 0)
    return float(loss.detach()), *given, draw["z_h_mean"]


def test_all_of_them_see_nothing_but_the_condition_and_are_held_against_z_h():
    squared, z_t, t, _, z_h = step(mean_share=1.0)
    assert not z_t.any()
    assert (t == 1).all()
    assert squared == pytest.approx(float(z_h.square().mean()), rel=0.5)  # an untrained network gives about nothing
    # a frame that is far off can count linearly
    loss, *_ = step(mean_share=1.0, mean_huber_delta=0.01)
    assert loss == pytest.approx(0.02 * float(z_h.square().mean(dim=1).sqrt().mean()), rel=0.5)
    assert loss < 0.1 * squared
    assert step(mean_share=0.0, mean_huber_delta=0.01)[0] == step(mean_share=0.0)[0]  # the flow stays squared


def test_as_many_as_asked_for_start_from_no_noise_or_do_not_get_the_rolloff():
    _, z_t, t, condition, _ = step(mean_share=0.5, unspecified_share=0.5)
    assert torch.equal(t == 1, ~z_t.flatten(1).any(dim=1))
    assert 12 <= int((t == 1).sum()) <= 28
    unspecified = condition.f_h == UNSPECIFIED
    assert torch.equal(~unspecified, condition.f_h == 0.8)
    assert (condition.f_l == 0.2).all()  # how bright the input is, it hears
    assert 12 <= int(unspecified.sum()) <= 28
    assert (t[unspecified] < 1).any()  # the two are drawn apart
    assert (t[unspecified] == 1).any()
