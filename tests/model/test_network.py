"""The network is stable-audio-tools' conditional DiT: same inputs, same loss, same gradients as its training wrapper."""

import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from saga_kedro.draws import generator
from saga_kedro.model.condition import UNSPECIFIED
from saga_kedro.model.flow import flow_loss, interpolate, target_velocity
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.network import RolloffEmbedding, SagaNetwork
from tiny_model import away_from_zero, random_condition

C, W, T, L, B = 4, 16, 12, 5, 3


@pytest.fixture
def network():
    network = SagaNetwork(latent_channels=C, text_width=W, embed_dim=64, depth=2, num_heads=2)
    away_from_zero(network)
    return network


@pytest.fixture
def condition():
    return random_condition("network test", B, T, L)


@pytest.fixture
def theirs(network):
    """The same model as stable-audio-tools builds it: its wrapper, its NumberConditioner, its cond ids."""
    from stable_audio_tools.models.conditioners import NumberConditioner
    from stable_audio_tools.models.diffusion import create_diffusion_cond_from_config

    class Conditioner(nn.Module):
        def __init__(self):
            super().__init__()
            self.f_l, self.f_h = NumberConditioner(W), NumberConditioner(W)

        def forward(self, metadata, device):
            text, z_l = (torch.stack([item[name] for item in metadata]) for name in ("text", "z_l"))
            rolloffs = {name: getattr(self, name)([item[name] for item in metadata], device) for name in ("f_l", "f_h")}
            return {"text": [text, torch.ones(text.shape[:2])], "z_l": [z_l], **rolloffs}

    diffusion = {
        "type": "dit",
        "diffusion_objective": "rectified_flow",
        "config": network.dit_config(embed_dim=64, depth=2, num_heads=2),
        "cross_attention_cond_ids": ["text", "f_l", "f_h"],
        "global_cond_ids": ["f_l", "f_h"],
        "input_concat_ids": ["z_l"],
    }
    config = {"model_type": "diffusion_cond", "sample_rate": 44_100, "model": {"io_channels": C, "diffusion": diffusion}}
    model = create_diffusion_cond_from_config(config)
    model.conditioner = Conditioner()
    model.model.load_state_dict(network.dit.state_dict())
    model.conditioner.f_l.load_state_dict(network.f_l.state_dict())
    model.conditioner.f_h.load_state_dict(network.f_h.state_dict())
    return model


def test_rolloff_embedding_is_number_conditioner():
    from stable_audio_tools.models.conditioners import NumberConditioner

    ours = RolloffEmbedding(W)
    conditioner = NumberConditioner(W)
    conditioner.load_state_dict(ours.state_dict())
    values = [0.0, 0.25, 0.999, 1.5]
    assert torch.equal(ours(torch.tensor(values)), conditioner(values, "cpu")[0].squeeze(1))
    assert ours.embedder.embedding[1].in_features == 257


def test_a_rolloff_that_is_not_told_has_the_embedding_zero_and_its_neighbours_have_not():
    told, unspecified, negative = RolloffEmbedding(W)(torch.tensor([0.0, UNSPECIFIED, -0.5]))
    assert told.any()
    assert not unspecified.any()
    assert not negative.any()


def test_loss_and_every_gradient_equal_the_training_wrappers(network, theirs, condition, monkeypatch):
    # wanted on import by a HuBERT loss that diffusion training does not use
    monkeypatch.setitem(sys.modules, "audiotools", ModuleType("audiotools"))
    from stable_audio_tools.training.diffusion import DiffusionCondTrainingWrapper

    z_h = torch.randn(B, C, T, generator=generator(0, "z_h"))
    metadata = [
        {
            "text": condition.text[i],
            "z_l": condition.z_l[i],
            "f_l": condition.f_l[i].item(),
            "f_h": condition.f_h[i].item(),
            "padding_mask": [torch.ones(T, dtype=torch.bool)],
        }
        for i in range(B)
    ]
    wrapper = DiffusionCondTrainingWrapper(
        theirs, lr=1e-5, use_ema=False, cfg_dropout_prob=0.0, timestep_sampler="logit_normal", pre_encoded=True
    )
    wrapper.log_dict = lambda *arguments, **options: None
    wrapper._trainer = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=[{"lr": 0.0}])])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        t, noise = torch.sigmoid(torch.randn(B)), torch.randn(B, C, T)
        torch.manual_seed(0)
        their_loss = wrapper.training_step((z_h, metadata), 0)
    their_loss.backward()

    assert network.dit.model.global_cond_type == "prepend"
    keep = torch.zeros(B, dtype=torch.bool)
    v = network(interpolate(z_h, noise, t), t, condition, keep, keep)
    loss, _ = flow_loss(v, target_velocity(z_h, noise))
    loss.backward()

    torch.testing.assert_close(loss, their_loss, atol=1e-5, rtol=1e-5)
    their_gradients = {f"dit.{name}": p.grad for name, p in theirs.model.named_parameters()}
    their_gradients |= {name: p.grad for name, p in theirs.conditioner.named_parameters()}
    ours = dict(network.named_parameters())
    assert ours.keys() == their_gradients.keys()
    for name, parameter in ours.items():
        assert parameter.grad.abs().max() > 0, name
        torch.testing.assert_close(parameter.grad, their_gradients[name], atol=1e-5, rtol=1e-5, msg=name)


def test_dropping_z_l_puts_the_null_value_in_every_channel_of_those_items(network, condition):
    inputs = network.inputs(condition, drop_z_l=torch.tensor([True, False, False]))
    assert bool((inputs["input_concat_cond"][0] == -5).all())
    assert torch.equal(inputs["input_concat_cond"][1:], condition.z_l[1:])


def test_dropping_the_context_zeroes_rolloff_tokens_too_and_never_the_global_token(network, condition):
    kept = network.inputs(condition)
    inputs = network.inputs(condition, drop_context=torch.tensor([True, False, False]))
    assert inputs["cross_attn_cond"].shape == (B, L + 2, W)
    assert bool((inputs["cross_attn_cond"][0] == 0).all())
    assert torch.equal(inputs["cross_attn_cond"][1:], kept["cross_attn_cond"][1:])
    assert torch.equal(inputs["global_cond"], kept["global_cond"])


def test_a_null_that_keeps_the_rolloff_tokens(condition):
    network = SagaNetwork(latent_channels=C, text_width=W, embed_dim=32, depth=1, num_heads=1, text_null="zeroed_text")
    context = network.inputs(condition, drop_context=torch.tensor([True, False, False]))["cross_attn_cond"]
    assert bool((context[0, :L] == 0).all())
    assert torch.equal(context[0, L], network.f_l(condition.f_l)[0])
    assert torch.equal(context[0, L + 1], network.f_h(condition.f_h)[0])


def test_a_batch_equals_its_items(network, condition):
    z_t, t = torch.randn(B, C, T, generator=generator(0, "z_t")), torch.tensor([0.1, 0.5, 0.9])
    together = network(z_t, t, condition)
    alone = torch.cat([network(z_t[i : i + 1], t[i : i + 1], condition[i : i + 1]) for i in range(B)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_recomputing_activations_changes_no_gradient(network, condition):
    z_t, t = torch.randn(B, C, T, generator=generator(0, "z_t")), torch.tensor([0.1, 0.5, 0.9])
    gradients = []
    for checkpointing in (False, True):
        network.checkpointing = checkpointing
        network.zero_grad()
        network(z_t, t, condition).square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in network.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


def test_context_may_keep_its_width_as_in_stable_audio_open():
    network = SagaNetwork(C, 32, embed_dim=64, depth=1, num_heads=2, project_cond_tokens=False)
    assert network.dit.model.to_cond_embed[0].out_features == 32
    with pytest.raises(ValueError, match="not a multiple of num_heads 3"):
        SagaNetwork(latent_channels=C, text_width=W, embed_dim=64, depth=1, num_heads=3)


def test_initial_weights_depend_on_name_and_seed_only():
    def weights(depth, seed):
        network = SagaNetwork(latent_channels=C, text_width=W, embed_dim=32, depth=depth, num_heads=1)
        initialise_by_name(network, seed)
        return network.state_dict()

    with torch.random.fork_rng():
        torch.manual_seed(1)
        shallow = weights(1, seed=0)
        torch.manual_seed(2)
        deep, other = weights(2, seed=0), weights(1, seed=1)
    assert all(torch.equal(value, deep[name]) for name, value in shallow.items())
    assert not torch.equal(shallow["f_l.embedder.embedding.1.weight"], other["f_l.embedder.embedding.1.weight"])
    assert not torch.equal(shallow["f_l.embedder.embedding.1.weight"], shallow["f_h.embedder.embedding.1.weight"])
    with pytest.raises(TypeError, match="Bilinear"):  # by an unknown rule
        initialise_by_name(nn.Bilinear(2, 3, 4), 0)


def test_initial_weights_keep_the_librarys_distribution():
    network = SagaNetwork(latent_channels=C, text_width=64, embed_dim=256, depth=1, num_heads=4)
    library = {name: (p.std().item(), p.min().item(), p.max().item()) for name, p in network.named_parameters()}
    initialise_by_name(network, 0)
    for name, parameter in network.named_parameters():
        std, low, high = library[name]
        if std == 0:
            assert bool((parameter == low).all()), name
        elif parameter.numel() > 1000:
            assert parameter.std().item() == pytest.approx(std, rel=0.05), name
            if "weights" not in name and "timestep_features" not in name:  # uniform, so its range says as much
                assert parameter.min().item() == pytest.approx(low, rel=0.05), name
                assert parameter.max().item() == pytest.approx(high, rel=0.05), name


def test_the_model_is_imported_without_torchs_compiler_and_without_samplers():
    heavy = ["torch._dynamo", "k_diffusion", "torchvision"]
    program = f"import sys, saga_kedro.model.saga_sr\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
