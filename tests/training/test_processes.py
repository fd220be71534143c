"""Several processes and nodes on the CPU train as one does: the same samples, losses and average; a killed training resumes."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.distributed.elastic.utils.distributed import get_free_port
from typer.testing import CliRunner

from saga_kedro.cli import app
from saga_kedro.model.codec import build_codec
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.examples import make_segments
from saga_kedro.training.fit import fit
from saga_kedro.training.latents import write_latents
from saga_kedro.training.processes import TrainingError, fit_in_processes, take_part
from scratch_project import empty_store
from small_corpus import captions_of, encoder_of, states_of, tiny_parameters, write_clips

STEPS = 8
SPEED = {
    "steps": STEPS,
    "steps_per_epoch": 2,
    "accelerator": "cpu",
    "learning_rate": 0.002,
    "inverse_lr": {"warmup": 0.0},
    "rolloff_draws": 8,
}
CURVES = ("train/loss", "val/loss", "val/loss/t0.5", "train/grad_norm", "lr-AdamW")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Clips, some shorter than a segment, so that one process has fewer frames than another."""
    folder = tmp_path_factory.mktemp("processes")
    clips = write_clips(folder, seconds=0.6, per_category=3)
    clips = clips[clips["clip_id"] != "music1"]  # music0 has nothing to be joined with
    captions = captions_of(clips)
    states = {caption: state.bfloat16() for caption, state in states_of(captions).items()}
    index = pd.DataFrame({"caption": list(states), "key": [str(i) for i in range(len(states))]})
    save_file({row.key: states[row.caption] for row in index.itertuples()}, folder / "states.safetensors")
    mlflow.set_tracking_uri(empty_store(folder))
    experiment = mlflow.create_experiment("processes", artifact_location=str(folder / "artifacts"))
    return {
        "tables": {"clips": clips, "captions": captions, "text_index": index},
        "states": {caption: state.float() for caption, state in states.items()},
        "file": str(folder / "states.safetensors"),
        "new_run": lambda: mlflow.MlflowClient().create_run(experiment).info.run_id,
    }


@pytest.fixture(scope="module")
def latents(corpus, tmp_path_factory):
    """All of it encoded, with two low-passes of each segment."""
    folder = tmp_path_factory.mktemp("latents")
    parameters = tiny_parameters(degrade={"draws": 2})
    encoder = encoder_of(build_codec(**parameters.model.codec.model_dump()), corpus["states"])
    tables = corpus["tables"]
    for split in ("train", "validation"):
        segments = make_segments(tables["clips"], tables["captions"], corpus["states"], parameters, split)
        write_latents(segments, lambda: encoder, folder / split, batch_size=4, shard_segments=4, workers=1)
    return str(folder)


def alone(corpus, folder: Path, latents: str | None = None, data_version: str = "1", run: str | None = None) -> str:
    """One process, with batches of four; the run that it logged to."""
    run = run or corpus["new_run"]()
    parameters = tiny_parameters(fit={**SPEED, "batch_size": 4}, degrade={"draws": 2 if latents else None})
    tables = corpus["tables"]
    fit(tables["clips"], tables["captions"], corpus["states"], parameters, folder, data_version, run, latents=latents)
    return run


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return folder, alone(corpus, folder)


def shared_out(corpus, folder: Path, run: str | None, latents: str | None = None, **fit: Any) -> dict[str, Any]:
    """What `fit_in_processes` is given: half the batch for each of two processes."""
    job = {"text_states_file": corpus["file"], "data_version": "1", "run_id": run, "latents": latents}
    parameters = tiny_parameters(fit={**SPEED, "batch_size": 2, **fit}, degrade={"draws": 2 if latents else None})
    return {"tables": corpus["tables"], "parameters": parameters, "folder": folder, "job": job}


def on_two_nodes(given: dict[str, Any], meanwhile: Callable[[], None] = lambda: None) -> list[BaseException | None]:
    """Train on two nodes of one process each, and do something else meanwhile: how each node ended."""
    port = str(get_free_port())
    places = [{"NODE_RANK": str(node), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} for node in range(2)]
    with ThreadPoolExecutor(2) as nodes:
        first: Future = nodes.submit(fit_in_processes, **given, environment=places[0])
        second: Future = nodes.submit(take_part, given["parameters"].fit, given["folder"], places[1])
        meanwhile()
        return [first.exception(timeout=900), second.exception(timeout=900)]


def kill_process(rank: int, folder: Path) -> None:
    """SIGKILL for a process of a training, once it has left a checkpoint."""
    limit = time.monotonic() + 600
    while not (folder / "training/last.ckpt").exists():
        assert time.monotonic() < limit, "no checkpoint in ten minutes"
        time.sleep(0.005)
    for process in psutil.Process().children(recursive=True):
        if str(folder) in " ".join(process.cmdline()) and process.environ()["RANK"] == str(rank):
            process.kill()
            (folder / "killed").touch()


def curve(run: str, metric: str) -> dict[int, float]:
    points = mlflow.MlflowClient().get_metric_history(run, metric)
    steps = {point.step: point.value for point in points}
    assert len(steps) == len(points), f"{metric} has a step twice"
    return steps


def assert_same_curves(run: str, other: str) -> None:
    for metric in CURVES:
        assert curve(run, metric) == pytest.approx(curve(other, metric), rel=1e-5, abs=1e-5), metric
    assert list(curve(run, "train/loss")) == list(range(STEPS))


def assert_same_model(folder: Path, other: Path) -> None:
    ours, theirs = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-4, rtol=1e-4, msg=name)
    assert theirs["network.dit.model.postprocess_conv.weight"].abs().max() > 0.005  # from 0: this much was learned


def test_two_nodes_of_which_one_was_killed_give_the_losses_and_the_average_of_one_process(corpus, undisturbed, tmp_path):
    run = corpus["new_run"]()
    given = shared_out(corpus, tmp_path, run, nodes=2, devices=1, strategy="ddp")
    first, second = on_two_nodes(given, lambda: kill_process(1, tmp_path))
    assert time.time() - (tmp_path / "killed").stat().st_mtime < 60
    for ended, why in ((first, "Node 1 of 2 (from 0)"), (second, "SIGKILL")):
        assert isinstance(ended, TrainingError)
        assert why in str(ended)
        assert "Start the same command again, on every node" in str(ended)
        assert "\n" not in str(ended)
    assert len(curve(run, "train/loss")) < STEPS
    assert on_two_nodes(given) == [None, None]
    assert_same_curves(run, undisturbed[1])
    assert_same_model(tmp_path, undisturbed[0])


def test_a_sharded_training_that_was_killed_is_a_model_in_one_process_and_goes_on_there(corpus, latents, tmp_path):
    other, run, folder = alone(corpus, tmp_path / "alone", latents), corpus["new_run"](), tmp_path / "sharded"
    with ThreadPoolExecutor(1) as node:
        ended = node.submit(fit_in_processes, **shared_out(corpus, folder, run, latents, devices=2, strategy="fsdp"))
        kill_process(1, folder)
        assert "A training process of this node was killed (SIGKILL)" in str(ended.exception(timeout=900))

    exported = CliRunner().invoke(app, ["export", str(folder / "training/last.ckpt"), "--out", str(tmp_path / "model")])
    assert exported.exit_code == 0, exported.output
    held = torch.load(folder / "training/last.ckpt", weights_only=True)  # as Lightning loads it where training is sharded
    model = SagaSR.from_pretrained(tmp_path / "model")
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, held["state_dict"][f"ema.ema_model.{name}"]), name
    assert model.rolloff_predictor.fitted

    alone(corpus, folder, latents, run=run)
    assert_same_curves(run, other)
    assert_same_model(folder, tmp_path / "alone")


@pytest.mark.parametrize(("content", "said"), [(None, "There is no checkpoint"), (b"sound", "is not a checkpoint that")])
def test_what_is_no_checkpoint_is_one_sentence(content, said, tmp_path):
    path = tmp_path / "last.ckpt"
    if content:
        path.write_bytes(content)
    result = CliRunner().invoke(app, ["export", str(path), "--out", str(tmp_path / "model")])
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("devices", "accelerator", "expected"),
    [(3, "cpu", 3), ("2", "gpu", 2), ([0, 3], "gpu", 2), ("auto", "cpu", 1)],
)
def test_one_process_a_device(devices, accelerator, expected):
    assert devices_per_node(tiny_parameters(fit={"devices": devices, "accelerator": accelerator}).fit) == expected


def test_several_nodes_need_to_know_their_place(corpus, tmp_path):
    with pytest.raises(TrainingError, match="NODE_RANK and MASTER_ADDR and MASTER_PORT is not set"):
        fit_in_processes(**shared_out(corpus, tmp_path, None, nodes=2), environment={})
