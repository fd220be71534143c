"""The model in ONNX Runtime: the same sound as in PyTorch, from the same weights."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.model import loading
from saga_kedro.model.loading import load_model
from saga_kedro.model.onnx_export import export_onnx
from saga_kedro.model.onnx_model import OnnxSagaSR
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, GRAPH, WEIGHTS
from sounds import bursts_over_noise, muffled
from tiny_model import tiny_model


@pytest.fixture(scope="module")
def both(exported_folder):
    return SagaSR.from_pretrained(exported_folder), OnnxSagaSR(exported_folder)


@pytest.fixture
def copy(exported_folder, tmp_path):
    return shutil.copytree(exported_folder, tmp_path / "model")


def error_db(theirs, ours):
    """Of the difference, relative to the louder of what is compared."""
    return 20 * np.log10(np.abs(theirs - ours).max() / np.abs(theirs).max() + 1e-12)


@pytest.mark.parametrize(
    ("seconds", "settings"),
    [
        (4.0, {}),
        (0.2, {"rolloff": 0.7}),
        (1.0, {"steps": 3}),
        (4.0, {"s_a": 1.0, "s_t": 1.0}),
        (4.0, {"s_a": 2.0}),
        (4.0, {"noise_floor": 1.0, "seed": 7}),
    ],
)
def test_it_sounds_as_pytorch_does_whatever_the_number_of_windows(both, seconds, settings):
    audio = muffled(seconds) + 1e-3 * bursts_over_noise(-60.0, seconds)[0]
    theirs, ours = (model.super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000, **settings) for model in both)
    assert error_db(theirs, ours) < -80


def test_the_graph_holds_no_weights_and_no_path_of_the_machine(exported_folder):
    graph = (exported_folder / GRAPH).read_bytes()
    assert len(graph) < 0.5e6
    assert WEIGHTS.encode() in graph
    assert b"site-packages" not in graph
    assert b".py" not in graph


def test_a_model_with_captions_is_not_exported(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="takes captions has no ONNX graph"):
        export_onnx(model, tmp_path)


@pytest.mark.parametrize("name", [GRAPH, WEIGHTS])
def test_a_truncated_file_is_named(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{name} is damaged or of another model"):
        OnnxSagaSR(copy)


def test_a_graph_that_is_none_is_named_even_if_nobody_knows_its_hash(copy):
    config = json.loads((copy / CONFIG).read_text())
    del config["hashes"]
    (copy / CONFIG).write_text(json.dumps(config))
    (copy / GRAPH).write_bytes(b"no graph")
    with pytest.raises(ValueError, match=f"{GRAPH} cannot be loaded"):
        OnnxSagaSR(copy)


def test_onnx_runtime_is_preferred_and_pytorch_stands_in_where_there_is_no_graph(copy):
    assert isinstance(load_model(copy), OnnxSagaSR)
    (copy / GRAPH).unlink()
    assert isinstance(load_model(copy), SagaSR)


@pytest.mark.parametrize(
    ("absent", "words"), [("onnxruntime", "ONNX Runtime is not installed"), (None, "there is no model.onnx")]
)
def test_without_pytorch_one_sentence_says_what_is_missing(copy, monkeypatch, absent, words):
    (copy / GRAPH).unlink()
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name in ("torch", absent) else object())
    with pytest.raises(ValueError, match=f"{words}.*and PyTorch is not installed"):
        load_model(copy)


def test_a_device_that_nothing_here_has_is_one_sentence(exported_folder, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ValueError, match="computes on cpu, not on dml"):
        OnnxSagaSR(exported_folder, "dml")
    with pytest.raises(ValueError, match="--device abacus cannot be used here"):
        load_model(exported_folder, "abacus")


def test_using_it_imports_nothing_heavy(exported_folder, tmp_path):
    program = (
        "import sys, numpy as np\n"
        "from saga_kedro import super_resolve\n"
        "noise = np.random.default_rng(0).standard_normal((1, 30_000)).astype(np.float32) / 10\n"
        f"super_resolve(noise, 22_050, model={str(exported_folder)!r}, cutoff_hz=4_000, noise_floor=1.0)\n"
        "import saga_kedro.use.command, saga_kedro.use.one_file, saga_kedro.cli\n"
        "print(sorted({'torch', 'scipy', 'pandas', 'kedro', 'mlflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.strip() == "[]", done.stderr
