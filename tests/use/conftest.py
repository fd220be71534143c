"""What is promised of using a model holds for both runtimes."""

from pathlib import Path

import pytest

from saga_kedro.model.onnx_model import OnnxSagaSR
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.super_resolver import SuperResolver
from tiny_model import write_exported_model


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model without captions, with its ONNX graph."""
    return write_exported_model(tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture(scope="session", params=[SagaSR.from_pretrained, OnnxSagaSR], ids=["torch", "onnx"])
def model(request: pytest.FixtureRequest, exported_folder: Path) -> SuperResolver:
    """That model in PyTorch, then in ONNX Runtime."""
    return request.param(exported_folder)
