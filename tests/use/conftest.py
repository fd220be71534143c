"""What is promised of using a model holds for both runtimes."""

from pathlib import Path

import pytest

from saga_kedro.model.onnx_model import OnnxSagaSR
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.super_resolver import SuperResolver


@pytest.fixture(scope="session", params=[SagaSR.from_pretrained, OnnxSagaSR], ids=["torch", "onnx"])
def model(request: pytest.FixtureRequest, exported_folder: Path) -> SuperResolver:
    """A model without captions in PyTorch, then in ONNX Runtime."""
    return request.param(exported_folder)
