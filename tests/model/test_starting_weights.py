"""Training starts from a model of this package, or a checkpoint of stable-audio-tools: with z_l's channels at zero it gives
what that model gives."""

import json
import logging
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from saga_kedro.draws import generator
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import SHIPPED
from saga_kedro.model.starting_weights import WrongStart, load_starting_weights
from saga_kedro.weights import MissingWeights
from tiny_model import random_condition

C, W, T, L, B = 4, 16, 12, 5, 3
BACKBONE: dict[str, Any] = {"embed_dim": 64, "depth": 2, "num_heads": 2}


def original(objective="rectified_flow", **changes):
    """A model as Stable Audio Open's: no z_l, two number conditioners. Its configuration and the DiT's wrapper."""
    from stable_audio_tools.models.diffusion import create_diffusion_cond_from_config

    dit = {
        "io_channels": C,
        "cond_token_dim": W,
        "global_cond_dim": 2 * W,
        "global_cond_type": "prepend",
        **BACKBONE,
        **changes,
    }
    diffusion = {"type": "dit", "config": dit, "cross_attention_cond_ids": ["prompt"], "global_cond_ids": ["seconds_start"]}
    if objective:
        diffusion["diffusion_objective"] = objective
    config = {"model_type": "diffusion_cond", "sample_rate": 44_100, "model": {"io_channels": C, "diffusion": diffusion}}
    model = create_diffusion_cond_from_config(config)
    source = generator(0, "original")
    with torch.no_grad():  # layers that start at zero would hide what lies behind them
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=source))
    return config, model


def save_export(folder, config, model):
    """As the download: a safetensors file with other parts in it, and its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    tensors["conditioner.conditioners.seconds_start.embedder.embedding.1.weight"] = torch.zeros(3, 2)
    tensors["pretransform.model.decoder.layers.0.bias"] = torch.zeros(7)
    save_file(tensors, folder / "model.safetensors")
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def network():
    network = SagaNetwork(latent_channels=C, text_width=W, **BACKBONE)
    initialise_by_name(network, 0)
    return network


@pytest.fixture
def condition():
    return random_condition("starting weights", B, T, L)


def assert_gives_the_same(network, model, condition):
    z_t, t = torch.randn(B, C, T, generator=generator(0, "z_t")), torch.tensor([0.1, 0.5, 0.9])
    for dropped in (torch.ones(B, dtype=torch.bool), None):  # a null z_l, and any other
        inputs = network.inputs(condition, dropped)
        expected = model.model(
            z_t, t, cross_attn_cond=inputs["cross_attn_cond"], global_cond=inputs["global_cond"], use_checkpointing=False
        )
        assert expected.abs().max() > 0.1
        torch.testing.assert_close(network(z_t, t, condition, dropped), expected, atol=1e-5, rtol=1e-5)


def test_the_first_forward_is_the_original_models(network, condition, tmp_path):
    config, model = original()
    table = load_starting_weights(network, save_export(tmp_path, config, model)).set_index("name")["state"]
    assert_gives_the_same(network, model, condition)
    assert table["dit.model.preprocess_conv.weight"] == "loaded, new channels zero"
    assert table["dit.model.transformer.project_in.weight"] == "loaded, new channels zero"
    assert table["dit.model.transformer.layers.1.cross_attn.to_q.weight"] == "loaded"
    assert table["f_h.embedder.embedding.1.weight"] == "new"
    assert table["pretransform.model.decoder.layers.0.bias"] == "unused"
    assert set(table[table.index.str.startswith("dit.")]) == {"loaded", "loaded, new channels zero"}


def test_new_channels_still_learn(network, condition, tmp_path):
    load_starting_weights(network, save_export(tmp_path, *original()))
    network(torch.randn(B, C, T), torch.rand(B), condition).square().sum().backward()
    assert network.dit.model.transformer.project_in.weight.grad[:, C:].abs().max() > 0


@pytest.mark.parametrize("compiled", ["", "_orig_mod."], ids=["", "compiled"])
@pytest.mark.parametrize("average", [True, False], ids=["with an average", "without"])
def test_a_training_checkpoint_of_the_library_gives_its_average_where_it_has_one(
    network, condition, tmp_path, average, compiled
):
    config, model = original()
    state = {f"diffusion.model.{compiled}{name.removeprefix('model.')}": value for name, value in model.state_dict().items()}
    if average:
        state = {name: torch.zeros_like(value) for name, value in state.items()}
        state |= {f"diffusion_ema.ema_{name}": value for name, value in model.state_dict().items()}
        state["diffusion_ema.step"] = torch.tensor(3)
    torch.save({"state_dict": state, "model_config": config, "epoch": 1}, tmp_path / "step=3.ckpt")
    load_starting_weights(network, tmp_path / "step=3.ckpt")
    assert_gives_the_same(network, model, condition)


def test_a_checkpoint_that_had_z_l_already_is_taken_as_it_is(network, condition, tmp_path):
    other = SagaNetwork(latent_channels=C, text_width=W, **BACKBONE)
    initialise_by_name(other, 1)
    save_file({f"model.{name}": value for name, value in other.dit.state_dict().items()}, tmp_path / "for_sr.safetensors")
    table = load_starting_weights(network, tmp_path / "for_sr.safetensors")
    assert not (table["state"] == "loaded, new channels zero").any()
    assert all(torch.equal(value, other.dit.state_dict()[name]) for name, value in network.dit.state_dict().items())


def test_a_model_of_this_package_is_trained_on_with_its_embeddings_of_the_rolloffs():
    shipped = SagaSR.from_pretrained()
    started = SagaSR(shipped.config)
    initialise_by_name(started.network, 1)
    table = load_starting_weights(started.network, SHIPPED).set_index("name")["state"]
    expected = shipped.network.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in started.network.state_dict().items())
    assert set(table[list(expected)]) == {"loaded"}
    assert table["rolloff_predictor.weight"] == "unused"  # it is fitted to the corpus


def test_a_wrong_file_is_refused_with_the_first_three_mismatches_and_nothing_is_changed(network, tmp_path):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    save_export(tmp_path, *original(embed_dim=32))
    sentence = r"tensors differ: \S+ is \[.*\] instead of \[.*\]; .*; .*\. Give fit.start"
    with pytest.raises(WrongStart, match=sentence) as refused:
        load_starting_weights(network, tmp_path)
    assert str(refused.value).count("instead of") == 3
    with pytest.raises(WrongStart, match="pretrained.model.safetensors does not fit the network"):
        load_starting_weights(network, SHIPPED / "model.safetensors")
    save_file({"autoencoder.encoder.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(WrongStart, match="holds no DiT.*autoencoder.encoder.weight"):
        load_starting_weights(network, tmp_path / "model.safetensors")
    with pytest.raises(MissingWeights, match="stable-audio-open-1.0.*fit.start"):
        load_starting_weights(network, tmp_path / "nowhere")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_another_objective_is_said(network, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        load_starting_weights(network, save_export(tmp_path / "flow", *original()))
        assert not caplog.records
        load_starting_weights(network, save_export(tmp_path / "v", *original(objective=None)))  # the library's default is v
    assert "objective 'v', not for rectified flow" in caplog.text
