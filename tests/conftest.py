"""What every test has: scratch projects to run pipelines in, one thread, and no network."""

import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Hundreds of Pythons start during the tests: each would compile all that it imports, which takes longer than what it then does.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# There are more test processes than cores: further threads would only wait. NumPy and PyTorch read this on import.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
# Millions of objects are imported and stay: looking for garbage among them took a tenth of all tests' time.
gc.disable()


LONGEST = ("dvc", "train_pipeline", "processes", "quickstart", "paper_env", "audit_runs", "parallel", "browser", "refusals")
"""Files of tests, the longest first: the last that is begun must be short, or one process waits for the other."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, eight at most: some tests wait for a browser, a server or another process."""
    return min(8, (os.cpu_count() or 1) + 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Every connection that leaves this machine is refused: the default run, and every test, must do without."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"the network is refused in tests: {address}")
        connect(self, address)

    socket.socket.connect = refuse  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="module")
def _put_back() -> Iterator[None]:
    """A run sets the working folder and MLflow's store: the next module finds both as this one did."""
    import mlflow

    folder, store = Path.cwd(), mlflow.get_tracking_uri()
    yield
    os.chdir(folder)
    mlflow.set_tracking_uri(store)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes scratch projects; the working folder is put back afterwards."""
    from scratch_project import make_project

    monkeypatch.chdir(tmp_path)
    return lambda name="project": make_project(tmp_path / name)


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model without captions, with its ONNX graph; made by the first process that asks for it, for all of them."""
    from filelock import FileLock

    from tiny_model import write_exported_model

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "exported"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            write_exported_model(folder.with_suffix(".new")).rename(folder)
    return folder


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with random weights in half precision, small enough to be used hundreds of times."""
    from tiny_model import tiny_model

    folder = tmp_path_factory.mktemp("tiny")
    tiny_model().save_pretrained(folder, half=True)
    return folder


@pytest.fixture(scope="session")
def model(model_folder: Path) -> Any:
    """The same, loaded."""
    from saga_kedro.model.saga_sr import SagaSR

    return SagaSR.from_pretrained(model_folder)
