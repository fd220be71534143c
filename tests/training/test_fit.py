"""A training that is killed and started again is the training that was never killed."""

import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file

from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.text import TextEncoder
from saga_kedro.training.callbacks import Diverged, Finite
from saga_kedro.training.fit import fit
from saga_kedro.training.folder import finished
from scratch_project import empty_store
from small_corpus import captions_of, states_of, tiny_parameters, write_clips


class Kill(Callback):
    """Stops a training in the middle of a step, as a power cut would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, module, batch, batch_index) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    clips = write_clips(tmp_path_factory.mktemp("clips"))
    captions = captions_of(clips)
    return clips, captions, states_of(captions)


@pytest.fixture
def run_id(tmp_path):
    mlflow.set_tracking_uri(empty_store(tmp_path))
    experiment = mlflow.create_experiment("fit", artifact_location=str(tmp_path / "artifacts"))
    return lambda: mlflow.MlflowClient().create_run(experiment).info.run_id


def curve(run_id, metric="train/loss"):
    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(run_id, metric)]


def train(data, folder, run_id, callbacks=(), data_version="1", **changes):
    clips, captions, states = data
    return fit(clips, captions, states, tiny_parameters(**changes), folder, data_version, run_id, callbacks)


def same_weights(folder, other):
    ours, theirs = (load_file(one / "model.safetensors") for one in (folder, other))
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_resumed_equals_uninterrupted(data, tmp_path, run_id):
    whole, parts = run_id(), run_id()
    train(data, tmp_path / "whole", whole)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(data, tmp_path / "parts", parts, [Kill(step=3)])
    assert [step for step, _ in curve(parts)] == [0, 1, 2]
    train(data, tmp_path / "parts", parts)
    for metric in ("train/loss", "val/loss", "lr-AdamW"):
        assert curve(parts, metric) == curve(whole, metric)
    assert same_weights(tmp_path / "whole", tmp_path / "parts")


def test_changed_data_begins_a_training_anew_without_a_text_encoder_and_whatever_rank_a_scheduler_sets(
    data, tmp_path, run_id, monkeypatch
):
    monkeypatch.delattr(TextEncoder, "load")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(data, tmp_path / "run", run_id(), [Kill(step=3)])
    second = run_id()
    train(data, tmp_path / "run", second, data_version="2")
    assert [step for step, _ in curve(second)] == list(range(6))


def test_a_training_is_finished_only_for_its_key_and_saves_the_average_of_the_weights(data, tmp_path):
    summary = train(data, tmp_path / "run", None)
    assert finished(tmp_path / "run", summary["key"]) is None  # the caller writes the summary
    (tmp_path / "run" / "fit.json").write_text(json.dumps(summary))
    assert finished(tmp_path / "run", summary["key"]) == summary
    assert finished(tmp_path / "run", "another") is None
    saved = SagaSR.from_pretrained(tmp_path / "run").network.state_dict()
    checkpoint = torch.load(tmp_path / "run/training/last.ckpt", weights_only=False, map_location="cpu")["state_dict"]
    average = {name.removeprefix("ema.ema_model."): value for name, value in checkpoint.items() if "ema_model" in name}
    online = {name.removeprefix("network."): value for name, value in checkpoint.items() if name.startswith("network.")}
    assert all(torch.equal(saved[name], average[name]) for name in saved)
    assert not all(torch.equal(saved[name], online[name]) for name in saved)


def test_a_training_that_diverges_ends_with_that_step_saves_no_model_and_keeps_the_checkpoint_before(data, tmp_path):
    with pytest.raises(Diverged, match=r"diverged in step 0: its loss is .*fit.learning_rate"):
        train(data, tmp_path / "run", None, fit={"learning_rate": 1e38})
    assert not list((tmp_path / "run").rglob("model.safetensors"))

    class Overflow(Callback):
        def on_train_batch_start(self, trainer, module, batch, batch_index) -> None:
            if trainer.global_step == 3:
                next(module.network.parameters()).data.fill_(torch.inf)

    with pytest.raises(Diverged, match="diverged in step 3: its loss is nan"):
        train(data, tmp_path / "run", None, [Overflow()], data_version="2")
    assert not list((tmp_path / "run").rglob("model.safetensors"))
    state = torch.load(tmp_path / "run/training/last.ckpt", weights_only=False)["state_dict"]
    assert all(value.isfinite().all() for value in state.values())
    train(data, tmp_path / "run", None, data_version="2")  # the same command resumes once the fault is fixed
    assert (tmp_path / "run/model.safetensors").exists()


@pytest.mark.parametrize(("scale", "ends"), [(512.0, nullcontext()), (0.5, pytest.raises(Diverged))])
def test_in_16_bits_a_skipped_step_ends_nothing_and_a_scale_below_1_does(scale, ends):
    module: Any = SimpleNamespace(network=torch.nn.Linear(2, 2))  # the scaler kept the weights finite
    plugin = SimpleNamespace(scaler=SimpleNamespace(get_scale=lambda: scale))
    trainer: Any = SimpleNamespace(
        global_step=5, precision_plugin=plugin, callback_metrics={"train/loss": torch.tensor(torch.nan)}
    )
    with ends:
        Finite().on_train_batch_end(trainer, module, None, None, 0)


def test_a_step_logs_its_learning_rate_and_its_throughput_once_whatever_it_accumulates(data, tmp_path, run_id):
    run = run_id()
    train(data, tmp_path / "run", run, fit={"accumulate": 2})
    for metric in ("lr-AdamW", "train/segments_per_second"):
        steps = [step for step, _ in curve(run, metric)]
        assert steps == sorted(set(steps))
        assert len(steps) == 6
