"""What the audit writes down of a training, and which errors are an arm's result."""

import errno

import pandas as pd
import pytest
import torch

from saga_kedro.audit import scoring
from saga_kedro.audit.arms import run_arms, value_of
from saga_kedro.audit.observe import Curve
from saga_kedro.audit.training import Trained
from saga_kedro.files import NoSpace
from saga_kedro.parameters import changed
from saga_kedro.training.fit import fit
from saga_kedro.weights import MissingWeights
from tiny_audit import planned, tiny_bench, tiny_data, tiny_parameters


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_data(tmp_path_factory.mktemp("clips"))


def test_a_curve_is_the_mean_loss_of_the_micro_batches_of_a_step(data, tmp_path):
    steps = {"fit.steps": 1, "fit.steps_per_epoch": 1}
    losses = {}
    for accumulate, size in ((1, 4), (2, 2)):
        parameters = changed(tiny_parameters(), {**steps, "fit.accumulate": accumulate, "fit.batch_size": size})
        place = tmp_path / str(accumulate)
        tables = (data.clips, data.captions, data.text_states)
        fit(*tables, parameters, place, data.version, callbacks=[Curve(place / "curve.jsonl")])
        losses[accumulate] = pd.read_json(place / "curve.jsonl", lines=True)["loss"].dropna().item()
    assert losses[2] == pytest.approx(losses[1], rel=1e-4)


def test_the_gradient_norm_is_that_of_the_whole_training_at_every_seed(data, tmp_path):
    curve = pd.DataFrame({"step": range(20), "loss": 1.0, "grad_norm": [*[1.0] * 9, *[100.0] * 11], "grad_max": 0.1})
    trained = Trained("key", tmp_path, {}, curve)
    assert value_of("reported/grad_norm_log10", tiny_parameters().audit.measure, trained, {}) == pytest.approx(2)
    parameters = tiny_parameters()
    rows = run_arms([planned(parameters, "gradient_logging", "loss_scaled")], tiny_bench(data, tmp_path, parameters))
    assert rows["seed"].tolist() == [0, 1]
    assert rows["baseline_value"].nunique() == 1


ENVIRONMENT = [
    OSError(errno.ENOSPC, "No space left on device"),
    NoSpace("No space is left on the device"),
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
    MissingWeights("T5-base is missing"),
    ImportError("no module"),
]


@pytest.mark.parametrize("error", ENVIRONMENT, ids=lambda error: type(error).__name__)
def test_what_the_machine_lacks_ends_the_run_and_is_not_stored(data, tmp_path, monkeypatch, error):
    parameters = tiny_parameters()
    bench = tiny_bench(data, tmp_path, parameters)
    monkeypatch.setattr(bench, "trained", lambda *_: None)

    def fail(*_):
        raise error

    monkeypatch.setattr(scoring, "load", fail)
    with pytest.raises(type(error)):
        bench.scored(parameters, 0)
    assert not list((tmp_path / "records").rglob("*.json"))


def test_missing_weights_end_the_first_steps_too(data, tmp_path):
    parameters = changed(tiny_parameters(), {"fit.start": str(tmp_path / "nowhere")})
    bench = tiny_bench(data, tmp_path, parameters)
    with pytest.raises(MissingWeights):
        bench.probed(parameters)
    assert not list((tmp_path / "records").rglob("*.json"))
