"""`kedro run --pipeline train`, from nothing, on a scratch project: what a person reads meanwhile and finds afterwards."""

import json
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.quiet import without_warnings
from scratch_project import TINY, make_project, run_pipeline
from tiny_model import network_bytes

# `UserWarning:`, a log's WARNING, and `/path/of/a/library.py:123: ...`, as Lightning prints it
WARNS = re.compile(r"warning|\.py:\d+: ", re.IGNORECASE)


def kedro(folder: Path, *arguments: str) -> list[str]:
    """The lines that a `kedro` command prints, on standard output and standard error; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    command = [str(Path(sys.executable).with_name("kedro")), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """A project, and what `train` printed there."""
    folder = make_project(tmp_path_factory.mktemp("train") / "project")
    (folder / "mlruns/mlflow.db").unlink()
    return folder, kedro(folder, "run", "--pipeline", "train")


@pytest.fixture(scope="module")
def trained(printed):
    """The project after one `train`."""
    folder, _ = printed
    run_pipeline(folder, "targets")  # sets the project up in this process
    return folder


def runs_of_configurations():
    """The runs that a configuration owns: the paper's, and an audit's, are none."""
    runs = mlflow.search_runs(experiment_names=["saga_kedro"], output_format="list")
    return [run for run in runs if "saga.configuration" in run.data.tags]


@pytest.fixture
def run(trained):
    """The first of them: a search lists the newest first."""
    return runs_of_configurations()[-1]


def history(run, metric):
    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, metric)]


def saved_model(trained):
    return trained / "data/06_models/demo"


def test_a_run_prints_no_warning(printed):
    folder, lines = printed
    assert any("Pipeline execution completed" in line for line in lines)
    lines += kedro(folder, "run", "--nodes", "find_clips")
    assert [line for line in lines if WARNS.search(line)] == []


def test_a_warning_that_is_not_named_still_shows(recwarn):
    with without_warnings("known"):
        warnings.warn("a known one", stacklevel=1)
        warnings.warn("another", stacklevel=1)
    assert [str(one.message) for one in recwarn] == ["another"]


def test_the_manifest_says_what_each_clip_is_and_no_group_is_in_two_splits(trained):
    manifest = pd.read_parquet(trained / "data/02_intermediate/demo/manifest.parquet")
    columns = {"clip_id", "group", "path", "content_hash", "category", "duration_s", "sample_rate", "channels", "bandwidth_hz"}
    assert columns <= set(manifest.columns)
    assert not manifest["clip_id"].duplicated().any()
    assert not any(Path(path).is_absolute() for path in manifest["path"])
    assert manifest.groupby("group")["split"].nunique().max() == 1
    assert set(manifest["split"]) == {"train", "validation", "test"}


def test_a_model_is_saved_with_its_configuration(trained):
    folder = saved_model(trained)
    assert {"model.safetensors", "saga_sr.json", "fit.json"} <= {path.name for path in folder.iterdir()}
    summary = json.loads((folder / "fit.json").read_text())
    assert summary["steps"] == TINY["fit"]["steps"]
    assert summary["yardsticks"]["yardstick/nothing"] > summary["yardsticks"]["yardstick/z_l"] > 0


def test_every_row_of_the_table_is_scored_and_examples_are_there_to_hear_and_to_see(trained):
    reporting = trained / "data/08_reporting/demo"
    metrics = json.loads((reporting / "metrics.json").read_text())
    for row in ("eval", "eval_untouched", "eval_codec", "eval_copy_up"):
        for metric in ("LSD", "LSD_sounding", "SI-SDR", "SNR"):
            assert math.isfinite(metrics[f"{row}/{metric}/music/4kHz"])
    assert metrics["eval_codec/LSD/music/4kHz"] < metrics["eval_untouched/LSD/music/4kHz"]
    pictures = list(reporting.glob("examples/*.png"))
    assert pictures
    assert len(list(reporting.glob("examples/*.flac"))) >= 3 * len(pictures)


def test_mlflow_has_curves_yardsticks_flat_parameters_and_the_tags_that_tell_runs_apart(run):
    assert [step for step, _ in history(run, "train/loss")] == list(range(TINY["fit"]["steps"]))
    assert len(history(run, "val/loss/t0.5")) == TINY["fit"]["steps"] // TINY["fit"]["steps_per_epoch"]
    assert {"train/grad_norm", "train/grad_norm/transformer", "train/grad_norm/f_l"} <= run.data.metrics.keys()
    assert {"yardstick/nothing", "yardstick/variance", "yardstick/z_l"} <= run.data.metrics.keys()
    assert "train/segments_per_second" in run.data.metrics
    assert run.data.params["fit.steps"] == str(TINY["fit"]["steps"])
    assert run.data.params["model.codec.name"] == "band_envelope"
    tags = {"saga.configuration", "saga.data_version", "saga.weights", "saga.git_revision", "saga.seed", "saga.env"}
    assert tags <= run.data.tags.keys()


def test_the_logged_model_super_resolves(run, trained):
    # MLflow's search looks the model up by the run that logged it
    (model,) = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list"
    )
    audio = np.random.default_rng(0).standard_normal((8_000, 1)).astype(np.float32) / 10
    loaded = mlflow.pyfunc.load_model("models:/saga-demo@best")
    assert loaded.metadata.model_id == model.model_id
    assert loaded.metadata.signature is not None
    assert loaded.predict(audio, params={"sample_rate": 8_000, "steps": 1}).shape == (44_100, 1)


def test_running_again_does_nothing_again(trained, run):
    weights = saved_model(trained) / "model.safetensors"
    audio = [path for layer in ("01_raw", "03_primary", "07_model_output") for path in (trained / "data" / layer).rglob("*.*")]
    made = [path for path in audio if path.suffix in (".flac", ".wav")]
    before = {path: path.stat().st_mtime_ns for path in (*made, weights)}
    losses = history(run, "train/loss")
    lsd = history(run, "eval/LSD/music/4kHz")
    run_pipeline(trained, "train")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [other.info.run_id for other in runs_of_configurations()] == [run.info.run_id]
    assert history(run, "train/loss") == losses
    assert history(run, "eval/LSD/music/4kHz") == lsd
    ended = runs_of_configurations()[-1].info.end_time
    run_pipeline(trained, "ingest")  # data alone
    assert runs_of_configurations()[-1].info.end_time == ended


def test_sampling_otherwise_judges_the_same_weights_in_a_run_of_its_own(trained, run):
    weights = saved_model(trained) / "model.safetensors"
    before = weights.stat().st_mtime_ns
    run_pipeline(trained, "evaluate", sample={"steps": 1})
    assert weights.stat().st_mtime_ns == before
    (other,) = [one for one in runs_of_configurations() if one.info.run_id != run.info.run_id]
    assert other.data.tags["saga.weights"] == run.data.tags["saga.weights"]
    assert other.data.metrics["eval_untouched/LSD/music/4kHz"] == run.data.metrics["eval_untouched/LSD/music/4kHz"]


def test_the_same_seed_gives_the_same_manifest_and_the_same_loss_curve(trained, run, tmp_path):
    losses = history(run, "train/loss")
    manifest = pd.read_parquet(trained / "data/02_intermediate/demo/manifest.parquet")
    again = make_project(tmp_path / "again")
    try:
        run_pipeline(again, "train", to_nodes=["summarise"])
        pd.testing.assert_frame_equal(pd.read_parquet(again / "data/02_intermediate/demo/manifest.parquet"), manifest)
        (other,) = runs_of_configurations()
        assert history(other, "train/loss") == losses
        assert other.data.metrics["eval/LSD/music/4kHz"] == run.data.metrics["eval/LSD/music/4kHz"]
    finally:
        os.chdir(trained)


def test_shipping_puts_the_weights_in_half_precision_and_a_card_into_the_package(trained, monkeypatch):
    package = trained / "src/saga_kedro/pretrained"
    for module in ("model.saved", "reporting.ship"):
        monkeypatch.setattr(f"saga_kedro.{module}.SHIPPED", package)
    run_pipeline(trained, "ship")
    assert network_bytes(package / "model.safetensors") == network_bytes(saved_model(trained) / "model.safetensors") / 2
    assert SagaSR.from_pretrained().sample["steps"] == TINY["sample"]["steps"]
    card = (package / "README.md").read_text()
    for known in (f"{TINY['fit']['steps']} steps", "effects 0.", "| ours |", "untouched", "root mean square error 0."):
        assert known in card
