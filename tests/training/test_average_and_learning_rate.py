"""The average and the learning rate are stable-audio-tools'."""

import sys
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from saga_kedro.draws import generator
from saga_kedro.model.codec import build_codec
from saga_kedro.model.network import SagaNetwork
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.inverse_lr import inverse_lr_factor
from small_corpus import tiny_parameters

PAPER: dict[str, Any] = {"inv_gamma": 1_000_000, "power": 0.5, "warmup": 0.99}
NETWORK = partial(SagaNetwork, latent_channels=4, text_width=16, embed_dim=32, depth=1, num_heads=1)
AT = {0: 0.01, 1: 0.0199, 100: 0.637596, 229: 0.900792, 26_000: 0.987248}  # (1 - 0.99^(s + 1)) / sqrt(1 + s / 1e6)


@pytest.fixture
def library(monkeypatch):
    # wanted on import by a HuBERT loss that diffusion training does not use
    monkeypatch.setitem(sys.modules, "audiotools", ModuleType("audiotools"))
    from stable_audio_tools.training import diffusion, utils

    return SimpleNamespace(wrapper=diffusion.DiffusionCondTrainingWrapper, inverse_lr=utils.InverseLR)


def test_the_average_is_that_of_the_training_wrapper_over_50_steps(library):
    network = NETWORK()
    training = FlowTraining(network, build_codec("band_envelope"), tiny_parameters().fit)
    wrapper = library.wrapper(SimpleNamespace(model=network.dit, diffusion_objective="rectified_flow"), lr=1e-5)
    source = generator(0, "steps")
    weight = next(network.dit.model.transformer.layers.parameters())
    first = weight.detach().clone()
    optimizer = torch.optim.SGD([weight])
    for _ in range(50):
        training.on_before_zero_grad(optimizer)
        wrapper.on_before_zero_grad()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
    ours, theirs = training.ema.ema_model.dit.state_dict(), wrapper.diffusion_ema.ema_model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    averaged = next(training.ema.ema_model.dit.model.transformer.layers.parameters())
    assert not torch.allclose(averaged, weight, atol=0.1)
    assert not torch.allclose(averaged, first, atol=0.1)


@pytest.mark.parametrize("step", AT)
def test_the_learning_rate_factor_is_the_librarys_closed_form(library, step):
    theirs = library.inverse_lr._get_closed_form_lr(SimpleNamespace(**PAPER, final_lr=0.0, last_epoch=step, base_lrs=[1.0]))
    assert inverse_lr_factor(step, **PAPER) == pytest.approx(theirs[0], rel=1e-12)
    assert inverse_lr_factor(step, **PAPER) == pytest.approx(AT[step], rel=1e-4)


def test_the_scheduler_steps_through_it():
    fit = tiny_parameters(fit={"learning_rate": 1e-5, "inverse_lr": PAPER}).fit
    configured: Any = FlowTraining(NETWORK(), build_codec("band_envelope"), fit).configure_optimizers()
    for step in range(3):
        assert configured["optimizer"].param_groups[0]["lr"] == pytest.approx(1e-5 * inverse_lr_factor(step, **PAPER))
        configured["optimizer"].step()
        configured["lr_scheduler"]["scheduler"].step()
