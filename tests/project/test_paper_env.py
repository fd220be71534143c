"""`--env paper`, with tiny checkpoints of the real classes: T5, Qwen2-Audio, an Oobleck VAE and a DiT to start from."""

import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from click import ClickException
from lightning.pytorch import Callback
from safetensors.torch import load_file, save_file

from saga_kedro.audit.plan import aligned_of
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import changed
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.training import run as training
from saga_kedro.weights import missing_weights
from scratch_project import ROOT, TINY, make_project, merged, run_pipeline
from tiny_autoencoder import write_tiny_autoencoder
from tiny_checkpoints import tiny_qwen2_audio, tiny_t5

WIDTH = 64  # of the tiny T5
BACKBONE = {"embed_dim": 64, "depth": 2, "num_heads": 2}
LATENTS = 8  # channels of the tiny VAE
PRETRAINED = Path("data/06_models/pretrained")


def write_tiny_stable_audio_open(folder: Path) -> Path:
    """A VAE, and the DiT of a model without z_l, in one model.safetensors and one model_config.json: the download's layout."""
    from stable_audio_tools.models.diffusion import create_diffusion_cond_from_config

    write_tiny_autoencoder(folder)
    config = json.loads((folder / "model_config.json").read_text())
    dit = {
        "io_channels": LATENTS, "cond_token_dim": WIDTH, "global_cond_dim": 2 * WIDTH, "project_cond_tokens": False, **BACKBONE
    }  # fmt: skip
    config["model"] |= {"io_channels": LATENTS, "diffusion": {"type": "dit", "config": dit}}
    torch.manual_seed(0)
    bare = {**config, "model": {"io_channels": LATENTS, "diffusion": config["model"]["diffusion"]}}
    model = create_diffusion_cond_from_config(bare)
    tensors = {name: value for name, value in load_file(folder / "model.safetensors").items() if "pretransform" in name}
    save_file(tensors | {name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "model_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the tiny checkpoints where conf/paper looks for the real ones."""
    folder = make_project(tmp_path_factory.mktemp("paper") / "project")
    tiny_t5(folder / PRETRAINED / "t5-base", width=WIDTH)
    tiny_qwen2_audio(folder / PRETRAINED / "qwen2-audio-7b")
    write_tiny_stable_audio_open(folder / PRETRAINED / "stable-audio-open-1.0")
    return folder


# What is made smaller; everything else is conf/paper's.
SMALL = merged(
    TINY,
    {
        "ingest": {"source": "demo", "path": None},
        "caption": {"max_new_tokens": 4},
        "degrade": {"draws": 2, "cutoffs_khz": [4], "excerpt_seconds": 1.0},
        "model": {"segment_samples": 16384, "backbone": BACKBONE},
        "fit": {
            "steps": 3,
            "steps_per_epoch": 1,
            "accumulate": 2,
            "devices": 1,
            "strategy": "auto",
            "rolloff_draws": 8,
            "validation_segments": 16,
        },
        "evaluate": {"metrics": ["LSD"], "rolloff_reference": False, "examples": 1},
    },
)


class Kill(Callback):
    def on_train_batch_start(self, trainer, module, batch, batch_index) -> None:
        if trainer.global_step == 2:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def trained(project):
    """Killed in the third step, and started again."""
    whole = training.fit

    def killed(*arguments, **named):
        return whole(*arguments, **{**named, "callbacks": [Kill()]})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run_pipeline(project, "train", env="paper", **SMALL)
    mlflow.end_run()  # as the end of the process would
    run_pipeline(project, "train", env="paper", **SMALL)
    return project


@pytest.fixture
def run(trained):
    runs = mlflow.search_runs(experiment_names=["saga_kedro"], output_format="list")
    (run,) = [run for run in runs if run.data.tags.get("saga.env") == "paper"]
    return run


def history(run, metric):
    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, metric)]


def test_the_resumed_training_is_one_curve_in_one_run(run):
    assert [step for step, _ in history(run, "train/loss")] == [0, 1, 2]
    assert len(history(run, "val/loss/t0.5")) == 3
    assert run.data.params["fit.precision"] == "bf16-mixed"
    assert run.data.params["model.codec.name"] == "autoencoder"


def test_the_latents_and_their_statistics_are_on_record(trained, run):
    summary = json.loads(next((trained / "data/05_model_input").glob("demo*/latents.json")).read_text())
    assert summary["train"]["shards"] >= 1
    assert summary["statistics"]["posterior_deviation"] > 0
    assert "latent/posterior_deviation" in run.data.metrics
    assert "latent/reliability" in run.data.metrics


def test_where_the_weights_came_from_is_on_record(run):
    table = mlflow.load_table("starting_weights.json", run_ids=[run.info.run_id])
    states = table.set_index("name")["state"]
    assert states["dit.model.transformer.project_in.weight"] == "loaded, new channels zero"
    assert states["f_l.embedder.embedding.1.weight"] == "new"
    assert (states[states.index.str.startswith("pretransform.")] == "unused").all()


def test_captions_are_qwen2_audios(trained):
    captions = pd.read_parquet(next((trained / "data/04_feature").glob("demo*/captions.parquet")))
    assert len(captions)
    assert not captions["caption"].str.startswith("a sound").any()


def test_the_export_super_resolves(trained):
    os.chdir(trained)
    saga = SagaSR.from_pretrained(next(Path("data/06_models").glob("demo*/fit.json")).parent)
    assert (type(saga.codec).__name__, saga.text_encoder.name) == ("Autoencoder", "t5")
    audio = 0.1 * np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    high = saga.super_resolve(audio, 16_000, steps=2, cutoff_hz=7_000.0)
    assert high.shape == (2, 44_100)
    assert np.isfinite(high).all()


def test_it_is_evaluated(trained):
    metrics = json.loads(next((trained / "data/08_reporting").glob("demo*/metrics.json")).read_text())
    assert {"eval/LSD/music/4kHz", "eval_codec/LSD/music/4kHz", "eval_untouched/LSD/music/4kHz"} <= metrics.keys()


NIGHT = {
    "seeds": 2,
    "pairs_per_category": 1,
    "excerpt_seconds": 0.5,
    "segments_per_category": 4,
    "set": {
        "fit.steps": 2, "fit.batch_size": 2, "fit.rolloff_draws": 8, "sample.steps": 2, "model.segment_samples": 16384,
        "model.backbone.embed_dim": 64, "model.backbone.num_heads": 2, "model.backbone.depth": 1,
    },
}  # fmt: skip


def test_a_night_of_the_audit_trains_its_arms_on_the_autoencoders_latents(project):
    changes = {"budget": "night", "issue": "latent_dropout", "design": "add_one", "budgets": {"night": NIGHT}}
    run_pipeline(project, "audit", env="paper", **merged(SMALL, {"audit": changes}))
    facts = json.loads((project / "data/08_reporting/demo/audit_latent_dropout_findings/facts.json").read_text())
    assert (facts["run"]["codec"], facts["run"]["budget"]) == ("autoencoder", "night")
    verdict = pd.read_csv(project / "data/08_reporting/demo/audit_verdicts.csv").iloc[0]
    assert (verdict["arm"], verdict["seeds"]) == ("never", 2)
    assert not list((project / "data/06_models/audit").rglob("*.ckpt"))  # of finished trainings


def test_every_budget_of_the_audit_trains_on_one_device_and_the_nights_ladder_has_the_papers_network():
    parameters = read_parameters(ROOT, "paper")
    for name, budget in parameters.audit.budgets.items():
        arms = aligned_of(changed(parameters, {"audit.budget": name}))
        ladder = changed(arms, budget.ladder)
        assert all(one.fit.devices == 1 and one.fit.strategy == "auto" for one in (arms, ladder)), name
    night = parameters.audit.budgets["night"]
    assert changed(aligned_of(changed(parameters, {"audit.budget": "night"})), night.ladder).model == parameters.model


def test_without_weights_a_run_stops_before_it_does_anything(tmp_path):
    folder = make_project(tmp_path / "bare")
    with pytest.raises(ClickException) as refused:
        run_pipeline(folder, "train", env="paper", **SMALL)
    sentences = refused.value.message.splitlines()
    assert len(sentences) == 3
    for sentence, words in zip(
        sentences,
        (("T5-base", "google-t5/t5-base", "Apache-2.0", "pretrained/t5-base", "model.text.path"),
         ("Qwen2-Audio-7B", "Qwen/Qwen2-Audio-7B", "Apache-2.0", "pretrained/qwen2-audio-7b", "caption.path"),
         ("Stable Audio Open", "stabilityai/stable-audio-open-1.0", "Stability AI Community License", "model.codec.path")),
        strict=True,
    ):  # fmt: skip
        assert all(word in sentence for word in words), sentence
    assert not [path for path in folder.glob("data/**/*") if path.is_file()]


def test_what_needs_no_weights_is_not_refused(tmp_path):
    parameters = read_parameters(make_project(tmp_path / "bare"), "paper")
    assert missing_weights(parameters, set()) == []
    assert len(missing_weights(parameters, {"weights.caption"})) == 1
    assert len(missing_weights(parameters, {"weights.text", "weights.codec"})) == 2
