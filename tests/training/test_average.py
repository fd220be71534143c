"""The mean of models is a model, and says what it is the mean of."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from saga_kedro.errors import SagaError
from saga_kedro.files import content_hash
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.training.average import average
from saga_kedro.training.export import EMA, MODEL
from tiny_model import tiny_model


@pytest.fixture
def model(tmp_path):
    """Makes saved models that differ in their weights."""

    def make(name, add=0.0, half=False, steps=None):
        saga = tiny_model("none")
        with torch.no_grad():
            for parameter in saga.network.parameters():
                parameter.add_(add)
        saga.save_pretrained(tmp_path / name, half=half)
        if steps:
            (tmp_path / name / "fit.json").write_text(json.dumps({"steps": steps, "folder": name, "yardsticks": {}}))
        return tmp_path / name

    return make


def test_the_mean_of_saved_models_and_checkpoints_is_taken_in_64_bits_and_recorded(model, tmp_path):
    folders = [model("a", steps=10), model("b", 1e-7), model("c", 0.5)]
    given = [load_file(folder / "model.safetensors") for folder in folders]
    network = {EMA + name.removeprefix("network."): value for name, value in given[2].items() if name.startswith("network.")}
    tables = {name: value for name, value in given[2].items() if not name.startswith("network.")}
    config = json.loads((folders[2] / "saga_sr.json").read_text())
    held = {"state_dict": network, "global_step": 30, MODEL: {"config": config, "tables": tables}}
    torch.save(held, tmp_path / "c.ckpt")  # as a training would leave it
    sources = [*folders[:2], tmp_path / "c.ckpt"]
    summary = average(sources, tmp_path / "mean")
    mean = load_file(tmp_path / "mean/model.safetensors")
    assert mean.keys() == given[0].keys()
    for name, value in mean.items():
        averaged = torch.stack([one[name].double() / 3 for one in given]).sum(dim=0).float()
        expected = averaged if name.startswith("network.") else given[2][name]
        assert torch.equal(value, expected), name
    about = [
        {"source": sources[0].as_posix(), "weights": content_hash(sources[0] / "model.safetensors"), "steps": 10},
        {"source": sources[1].as_posix(), "weights": content_hash(sources[1] / "model.safetensors"), "steps": None},
        {"source": sources[2].as_posix(), "weights": content_hash(sources[2]), "steps": 30},
    ]
    assert summary["averaged"] == about
    assert summary["weights"] == content_hash(tmp_path / "mean/model.safetensors")
    for name, known in (("saga_sr.json", {"averaged": about}), ("fit.json", summary)):
        assert known.items() <= json.loads((tmp_path / "mean" / name).read_text()).items()
    assert SagaSR.from_pretrained(tmp_path / "mean").rolloff_predictor.fitted


def test_a_mean_of_models_in_half_precision_is_a_model_in_single_precision(model, tmp_path):
    average([model("a", half=True), model("b", half=True)], tmp_path / "mean")
    assert {v.dtype for n, v in load_file(tmp_path / "mean/model.safetensors").items() if n[:3] == "net"} == {torch.float32}


def test_two_architectures_have_no_mean(model, tmp_path):
    first, other, shape = model("a"), model("b"), model("c")
    config = json.loads((other / "saga_sr.json").read_text())
    (other / "saga_sr.json").write_text(json.dumps(config | {"segment_samples": 1}))
    state = load_file(shape / "model.safetensors")
    save_file({name: value[:1] if value.ndim else value for name, value in state.items()}, shape / "model.safetensors")
    for second, why in ((other, "segment_samples"), (shape, r"network\..* instead of")):
        with pytest.raises(SagaError, match=f"is another architecture than .*: {why}"):
            average([first, second], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_what_is_no_model_is_one_sentence(model, tmp_path):
    with pytest.raises(SagaError, match="There is no saga_sr.json"):
        average([model("a"), tmp_path], tmp_path / "mean")
    with pytest.raises(SagaError, match="There is no checkpoint"):
        average([tmp_path / "a", tmp_path / "last.ckpt"], tmp_path / "mean")
    with pytest.raises(SagaError, match="at least two models, 1"):
        average([tmp_path / "a"], tmp_path / "mean")
