"""`saga diagnose`: numbers and made-up files with each fault."""

import copy
import json
import math
import os
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import digamma
from scipy.stats import chi2
from typer.testing import CliRunner

from saga_kedro.cli import app
from saga_kedro.diagnosis.files import of_config, of_tensors
from saga_kedro.diagnosis.numbers import Evidence, causes, deviation_of, unrelated_si_sdr, yardsticks
from scratch_project import empty_store

RIGHT = {
    "model_type": "diffusion_cond",
    "sample_size": 262_144,
    "audio_channels": 2,
    "model": {
        "pretransform": {
            "type": "autoencoder",
            "ckpt_path": "vae.ckpt",
            "config": {"latent_dim": 64, "downsampling_ratio": 2_048, "io_channels": 2},
        },
        "conditioning": {"cond_dim": 768},
        "diffusion": {
            "diffusion_objective": "rectified_flow",
            "global_cond_ids": ["rolloff_low", "rolloff_high"],
            "config": {"io_channels": 64, "input_concat_dim": 64, "cond_token_dim": 768, "global_cond_dim": 1_536},
        },
    },
    "training": {"use_ema": True, "timestep_sampler": "logit_normal"},
}


def faulty(*path_and_value) -> dict:
    *path, value = path_and_value
    config = copy.deepcopy(RIGHT)
    place: Any = config
    for name in path[:-1]:
        place = place[name]
    if value is None:
        place.pop(path[-1])
    else:
        place[path[-1]] = value
    return config


def issues(found) -> list[str]:
    return [cause.issue for cause in found]


@pytest.mark.parametrize(
    ("config", "issue", "says"),
    [
        (faulty("model", "diffusion", "diffusion_objective", None), "flow_objective", "unset"),
        (faulty("model", "diffusion", "diffusion_objective", "v"), "flow_objective", "not rectified flow"),
        (faulty("model", "diffusion", "config", "prepend_cond_dim", 0), "rolloff_prepend_dim", "AttributeError"),
        (faulty("model", "diffusion", "prepend_cond_ids", ["rolloff"]), "rolloff_prepend_dim", "AttributeError"),
        (faulty("model", "diffusion", "config", "prepend_cond_dim", 1_536), "rolloff_global", "prepend_cond"),
        (faulty("model", "diffusion", "config", "cond_token_dim", 512), "rolloff_token_width", "widths differ"),
        (faulty("model", "diffusion", "config", "global_cond_dim", 768), "rolloff_global", "widths differ"),
        (faulty("model", "diffusion", "global_cond_ids", ["seconds_start"] * 2), "rolloff_global", "fed by seconds_start"),
        (faulty("model", "diffusion", "config", "input_concat_dim", 0), "latent_dropout", "no channels"),
        (faulty("model", "diffusion", "config", "input_concat_dim", 32), "vae_weights", "widths differ"),
        (faulty("model", "pretransform", "ckpt_path", None), "vae_weights", "no weights are named"),
        (faulty("model", "pretransform", None), "vae_weights", "no codec"),
        (faulty("audio_channels", 1), "stereo", "one channel"),
        (faulty("sample_size", 261_954), "metric_units", "1,858 samples short"),
        (faulty("training", "use_ema", False), "ema", "no EMA"),
        (faulty("training", "timestep_sampler", "uniform"), "timesteps", "uniform"),
    ],
)
def test_each_fault_of_a_configuration_is_named(config, issue, says):
    assert of_config(RIGHT) == []
    assert any(says in cause.says and cause.issue == issue for cause in of_config(config))


def checkpoint(prefix: str = "model.model.", ema: bool = True, codec: str = "trained") -> dict[str, torch.Tensor]:
    direction = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    gain = direction.flatten(1).norm(dim=1).reshape(4, 1, 1)
    tensors = {f"{prefix}transformer.layers.0.weight": torch.ones(2), "rolloff.weight": torch.ones(2)}
    if ema:
        tensors["model_ema.ema_model.weight"] = torch.ones(2)
    if codec != "none":
        tensors["pretransform.model.encoder.layers.0.weight_v"] = direction
        tensors["pretransform.model.encoder.layers.0.weight_g"] = gain if codec == "random" else gain * 1.3
    return tensors


@pytest.mark.parametrize(
    ("tensors", "issue", "says"),
    [
        (checkpoint(prefix="model.model.model."), "checkpoint_loading", "swallow"),
        (checkpoint(prefix="diffusion."), "checkpoint_loading", "swallow"),
        ({"rolloff": torch.ones(1)}, "checkpoint_loading", "no DiT"),
        (checkpoint(ema=False), "ema", "online weights only"),
        (checkpoint(codec="none"), "vae_weights", "not in this file"),
        (checkpoint(codec="random"), "vae_weights", "those of its constructor"),
        (checkpoint() | {"x": torch.tensor([math.nan])}, "low_pass", "not finite"),
    ],
)
def test_each_fault_of_a_checkpoint_is_named(tensors, issue, says):
    assert all(cause.likelihood < 0.5 for cause in of_tensors(checkpoint()))
    assert any(says in cause.says and cause.issue == issue for cause in of_tensors(tensors))


def test_the_documents_numbers_lead_to_what_the_failing_code_contains():
    found = causes(Evidence(loss=1.2, lsd=30, sdr=-70, grad_norms=(1000, 4000, 1000)))
    assert {"metric_units", "gradient_logging", "vae_weights", "flow_objective"} == set(issues(found[:5]))
    assert all(cause.confirm.startswith("kedro run --pipeline audit") for cause in found)


def test_a_loss_at_the_floor_of_its_latents_says_that_they_are_noise():
    floor = 0.705 * math.pi / 2
    assert issues(causes(Evidence(loss=floor, latent_std=0.705)))[0] == "vae_weights"
    assert "vae_weights" not in issues(causes(Evidence(loss=0.4 * floor, latent_std=0.705)))


def test_yardsticks_follow_the_distribution_of_t():
    assert deviation_of(1.107, "uniform") == pytest.approx(1.107 * 2 / math.pi, rel=1e-2), "the closed form"
    values = {y.what: y.value for y in yardsticks(Evidence(loss=1.2, latent_std=1.0, timesteps="logit_normal"))}
    assert values["loss that knows the variance only"] == pytest.approx(1.741, abs=5e-3)
    assert values["loss that predicts nothing"] == 2


def run(*arguments: str):
    return CliRunner().invoke(app, ["diagnose", *arguments])


def test_the_command_reads_files_and_answers_with_commands_to_confirm(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(faulty("model", "diffusion", "diffusion_objective", None)))
    save_file(checkpoint(prefix="wrong."), tmp_path / "model.safetensors")
    result = run("--config", str(tmp_path / "config.json"), "--checkpoint", str(tmp_path / "model.safetensors"), "--json")
    found = json.loads(result.stdout)["causes"]
    assert {"config.json", "model.safetensors"} == {cause["seen_in"] for cause in found}
    found = json.loads(run("--loss", "1.2", "--lsd", "30", "--json").stdout)["causes"]
    assert found[0]["confirm"] == "kedro run --pipeline audit --params audit.issue=metric_units"


def test_the_command_reads_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", empty_store(tmp_path))
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    mlflow.set_experiment("diagnose")
    with mlflow.start_run() as active:
        mlflow.log_params({"fit.timesteps": "uniform"})
        mlflow.log_metrics({"latent/std": 0.705, "reported/LSD": 30.0})
        for step in range(10):
            mlflow.log_metrics({"train/loss": 1.107, "train/grad_norm_as_logged": 2000.0}, step=step)
    found = json.loads(run("--run", active.info.run_id, "--json").stdout)["causes"]
    assert found[0]["issue"] == "vae_weights"
    assert {"metric_units", "gradient_logging"} <= {cause["issue"] for cause in found}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to go by"),
        (("--config", "nowhere.json"), "there is no such file"),
        (("--checkpoint", "nowhere.ckpt"), "there is no such file"),
        (("--loss", "1", "--timesteps", "gaussian"), "There is no timesteps named 'gaussian'"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, says):
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_the_spread_of_an_unrelated_estimate_is_scipys():
    mean, low, high = unrelated_si_sdr(262_144)
    assert mean == pytest.approx(10 / np.log(10) * (digamma(0.5) + np.log(2)) - 10 * np.log10(262_144))
    assert [low, high] == pytest.approx(10 * np.log10(chi2.ppf([0.05, 0.95], 1) / 262_144))
