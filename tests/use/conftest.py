"""The tiny model, made once for a test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga_kedro.model.saga_sr import SagaSR
from tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def model(model_folder: Path) -> SagaSR:
    return SagaSR.from_pretrained(model_folder)
