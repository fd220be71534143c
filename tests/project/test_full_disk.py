"""A save that dies half-way leaves the old file, and a device that is full is one sentence."""

import errno
import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
import yaml
from kedro.io import DataCatalog, DatasetError

from saga_kedro import cli, files
from saga_kedro.files import NoSpace, atomic_path
from saga_kedro.pipelines.whole_files import write_whole
from saga_kedro.training.trainer import WholeCheckpoints
from scratch_project import ROOT

FULL = OSError(errno.ENOSPC, "No space left on device")


class Dies(Exception):
    """What a save dies of."""


class Table(pd.DataFrame):
    """A table that is half written."""

    def to_csv(self, path_or_buf: Any, **_: Any) -> None:
        path_or_buf.write("half")
        path_or_buf.flush()
        raise Dies

    def to_parquet(self, file: Any, **_: Any) -> None:
        file.write(b"half")
        file.flush()
        raise Dies


class Figure(go.Figure):
    def write_json(self, file: Any, **_: Any) -> None:
        file.write("half")
        file.flush()
        raise Dies


# By type of dataset: something to save, and something that is half written.
SAVED: dict[str, tuple[Any, Any]] = {
    "pandas.CSVDataset": (pd.DataFrame({"a": [1]}), Table({"a": [2]})),
    "pandas.ParquetDataset": (pd.DataFrame({"a": [1]}), Table({"a": [2]})),
    "json.JSONDataset": ({"a": 1}, {"a": 2, "b": object()}),
    "plotly.JSONDataset": (go.Figure(), Figure()),
    "text.TextDataset": ("whole", b"not text"),
}


@pytest.fixture
def entries(tmp_path) -> dict[str, dict[str, Any]]:
    """conf/base/catalog.yml's files, in a folder of the test's own."""
    catalog = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text())
    files = {name: entry for name, entry in catalog.items() if "filepath" in entry and entry["type"] in SAVED}
    return {
        name: entry | {"filepath": str(tmp_path / entry["filepath"].replace("${globals:", "").replace("}", ""))}
        for name, entry in files.items()
    }


def test_every_file_of_the_catalog_is_whole_whatever_its_save_dies_of(entries, tmp_path):
    catalog = DataCatalog.from_config(entries)
    write_whole(catalog)
    assert len(entries) > 30
    for name, entry in entries.items():
        whole, dies = SAVED[entry["type"]]
        catalog.save(name, whole)
        before = Path(entry["filepath"]).read_bytes()
        with pytest.raises(DatasetError):
            catalog.save(name, dies)
        assert Path(entry["filepath"]).read_bytes() == before, name
        catalog.load(name)
    files = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {entry["filepath"] for entry in entries.values()}  # nothing half is left beside them


def fill(path: Path) -> None:
    """Write as much as there is room for."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(bytes(1_500_000))
        raise FULL


def test_a_full_device_is_one_sentence_and_what_was_there_stays(tmp_path, monkeypatch):
    path = tmp_path / "table.bin"
    path.write_bytes(bytes(3_000_000))
    monkeypatch.setattr(files, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(NoSpace) as error:
        fill(path)
    said = str(error.value)
    assert said.startswith(
        f"No space is left on the device of {tmp_path} (1.0 MB are free), and table.bin could not be written;"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["table.bin"]
    assert path.stat().st_size == 3_000_000
    assert str(pickle.loads(pickle.dumps(error.value))) == said  # it comes back from another process


def test_a_library_that_words_it_otherwise_is_understood_where_nothing_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "free_bytes", lambda _: 0)
    with pytest.raises(NoSpace, match="could not be written"), atomic_path(tmp_path / "model.safetensors"):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_checkpoint_that_finds_no_space_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"step": 1}, path)
    monkeypatch.setattr(torch, "save", lambda *_: (_ for _ in ()).throw(FULL))
    with pytest.raises(NoSpace, match=r"last\.ckpt could not be written"):
        WholeCheckpoints().save_checkpoint({"step": 2}, path)
    monkeypatch.undo()
    assert torch.load(path) == {"step": 1}


def test_the_command_that_uses_a_model_says_the_same(monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", lambda: (_ for _ in ()).throw(NoSpace("No space is left on the device of out")))
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert capsys.readouterr().err == "Error: No space is left on the device of out\n"
