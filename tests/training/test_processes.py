"""Two processes on the CPU train as one does: the same samples, the same losses, the same average."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from saga_kedro.training.devices import devices_per_node, strategy_of
from saga_kedro.training.fit import fit
from saga_kedro.training.processes import fit_in_processes
from saga_kedro.training.segments import Draws, Order
from small_corpus import captions_of, states_of, tiny_parameters, write_clips

SPEED = {
    "steps": 4,
    "steps_per_epoch": 2,
    "accelerator": "cpu",
    "learning_rate": 0.01,
    "inverse_lr": {"warmup": 0.0},
    "rolloff_draws": 8,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    clips = write_clips(folder, seconds=1.0, per_category=3)
    captions = captions_of(clips)
    states = {caption: state.bfloat16() for caption, state in states_of(captions).items()}
    index = pd.DataFrame({"caption": list(states), "key": [str(i) for i in range(len(states))]})
    save_file({row.key: states[row.caption] for row in index.itertuples()}, folder / "states.safetensors")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("processes", artifact_location=str(folder / "artifacts"))
    return {
        "clips": clips,
        "captions": captions,
        "text_index": index,
        "states": {caption: state.float() for caption, state in states.items()},
        "file": str(folder / "states.safetensors"),
        "new_run": lambda: mlflow.MlflowClient().create_run(experiment).info.run_id,
    }


@pytest.fixture(scope="module")
def alone(corpus, tmp_path_factory):
    """One process, with batches of four."""
    folder, run = tmp_path_factory.mktemp("alone"), corpus["new_run"]()
    parameters = tiny_parameters(fit={**SPEED, "batch_size": 4})
    fit(corpus["clips"], corpus["captions"], corpus["states"], parameters, folder, "1", run)
    return folder, run


def losses(run, metric="train/loss"):
    return [point.value for point in mlflow.MlflowClient().get_metric_history(run, metric)]


def assert_same_model(folder, other):
    ours, theirs = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-4, rtol=1e-4, msg=name)
    assert theirs["network.dit.model.postprocess_conv.weight"].abs().max() > 0.01  # from 0: this much was learned


def in_two(corpus, strategy, run_id):
    """What `fit_in_processes` is given: half the batch for each of two processes."""
    tables = {name: corpus[name] for name in ("clips", "captions", "text_index")}
    job = {"text_states_file": corpus["file"], "data_version": "1", "run_id": run_id, "latents": None}
    return tables, tiny_parameters(fit={**SPEED, "batch_size": 2, "devices": 2, "strategy": strategy}), job


def test_two_processes_give_the_losses_and_the_average_of_one(corpus, alone, tmp_path):
    run = corpus["new_run"]()
    tables, parameters, job = in_two(corpus, "ddp", run)
    summary = fit_in_processes(tables, parameters, tmp_path, job)
    folder, single = alone
    assert losses(run) == pytest.approx(losses(single), abs=1e-4)
    assert losses(run, "train/grad_norm") == pytest.approx(losses(single, "train/grad_norm"), rel=1e-3)
    assert losses(run, "val/loss/t0.5") == pytest.approx(losses(single, "val/loss/t0.5"), abs=1e-4)
    assert len(losses(run)) == summary["steps"] == SPEED["steps"]
    assert_same_model(tmp_path, folder)


def test_sharded_parameters_and_their_average_are_those_of_one_process(corpus, alone, tmp_path):
    tables, parameters, job = in_two(corpus, "fsdp", None)
    summary = fit_in_processes(tables, parameters, tmp_path, job)
    assert summary["steps"] == SPEED["steps"]
    assert_same_model(tmp_path, alone[0])


def test_each_sample_is_seen_once_an_epoch():
    clips = pd.DataFrame({"category": ["speech", "music", "effects"] * 8, "samples": [44_100] * 24})
    order = Order(clips, seed=0)
    seen = [order.at(draw)[0] for rank in range(2) for batch in Draws(0, 6, 2, rank, 2) for draw in batch]
    assert sorted(seen) == list(range(24))


@pytest.mark.parametrize(
    ("devices", "accelerator", "expected"),
    [(3, "cpu", 3), ("2", "gpu", 2), ([0, 3], "gpu", 2), ("auto", "cpu", 1)],
)
def test_one_process_a_device(devices, accelerator, expected):
    assert devices_per_node(tiny_parameters(fit={"devices": devices, "accelerator": accelerator}).fit) == expected


def test_every_device_of_every_node_is_in_the_shards():
    strategy: Any = strategy_of(tiny_parameters(fit={"strategy": "fsdp", "devices": 4, "nodes": 2}).fit)
    assert strategy._data_parallel_size == 8


def test_several_nodes_need_to_know_their_place(corpus, tmp_path, monkeypatch):
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    tables = {name: corpus[name] for name in ("clips", "captions", "text_index")}
    with pytest.raises(ValueError, match="NODE_RANK and MASTER_ADDR and MASTER_PORT is not set"):
        fit_in_processes(tables, tiny_parameters(fit={"nodes": 2}), tmp_path, {})
