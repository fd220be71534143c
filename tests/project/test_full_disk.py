"""A save that dies half-way leaves what was there, and a device that is full is one sentence."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import plotly.graph_objects as go
import pytest
import sqlalchemy
import torch
import yaml
from click import ClickException
from kedro.io import DataCatalog, DatasetError

from saga_kedro import cli, files
from saga_kedro.files import NoSpace, atomic_path, full_device
from saga_kedro.reporting import mlflow_views
from saga_kedro.reporting.paper_runs import SYSTEM
from saga_kedro.training.fit import WholeCheckpoints
from saga_kedro.whole_files import write_whole
from scratch_project import ROOT, run_pipeline

FULL = OSError(errno.ENOSPC, "No space left on device")


class Dies(Exception):
    """What a save dies of."""


class Table(pd.DataFrame):
    """A table of which half is written."""

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


# By type of dataset: something to save, and something of which half is written.
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
    files = {name: entry for name, entry in catalog.items() if "filepath" in entry}
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


def test_a_full_device_says_what_was_written_and_what_it_needs(tmp_path, monkeypatch):
    path = tmp_path / "table.bin"
    path.write_bytes(bytes(3_000_000))
    monkeypatch.setattr(files, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(NoSpace) as error:
        fill(path)
    said = str(error.value)
    assert said.startswith(f"No space is left on the device of {tmp_path} (1.0 MB are free): table.bin, which")
    assert "table.bin, which was being written, needs more than 1.5 MB (the one before has 3.0 MB);" in said
    assert said.endswith("; make room, and the same command goes on from what is finished.")
    assert [path.name for path in tmp_path.iterdir()] == ["table.bin"]
    assert path.stat().st_size == 3_000_000
    assert str(pickle.loads(pickle.dumps(error.value))) == said  # it comes back from another process


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),  # SQLAlchemy
    ],
)
def test_a_full_device_is_known_by_what_the_libraries_say(error):
    assert full_device(error) is error
    later = ValueError("something else")
    later.__cause__ = error
    assert full_device(later) is error
    assert full_device(ValueError("something else")) is None


def test_a_checkpoint_that_finds_no_space_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"step": 1}, path)
    monkeypatch.setattr(torch, "save", lambda *_: (_ for _ in ()).throw(FULL))
    with pytest.raises(NoSpace, match=r"last\.ckpt, which was being written"):
        WholeCheckpoints().save_checkpoint({"step": 2}, path)
    monkeypatch.undo()
    assert torch.load(path) == {"step": 1}


def test_the_command_that_uses_a_model_says_the_same(monkeypatch, capsys):
    monkeypatch.setattr(cli, "app", lambda: (_ for _ in ()).throw(NoSpace("No space is left on the device of out")))
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    assert capsys.readouterr().err == "Error: No space is left on the device of out\n"


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError, match="wrong"), atomic_path(tmp_path / "a.txt"):
        raise ValueError("wrong")


@pytest.fixture
def pages() -> Iterator[list[int]]:
    """How many pages a SQLite database may have, the last one counts: SQLite's own error of a full disk."""
    most = [2**30]

    def limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[-1]}")  # 1: as many as there are

    sqlalchemy.event.listen(sqlalchemy.Pool, "checkout", limit)
    yield most
    sqlalchemy.event.remove(sqlalchemy.Pool, "checkout", limit)


def test_a_full_disk_of_mlflow_or_of_tables_is_one_sentence_and_the_same_command_goes_on(project, monkeypatch, caplog, pages):
    folder = project()
    with monkeypatch.context() as full:
        full.setattr(mlflow_views, "set_up_experiment", lambda _: pages.append(1))
        with pytest.raises(ClickException) as error:
            run_pipeline(folder, "targets")
    assert error.value.message.startswith(f"No space is left on the device of {folder}/mlruns (")
    assert "mlflow.db, MLflow's store, needs more than the " in error.value.message
    pages.append(2**30)
    with monkeypatch.context() as full:
        full.setattr(pd.DataFrame, "to_csv", lambda *_, **__: (_ for _ in ()).throw(FULL))
        with pytest.raises(ClickException) as error:
            run_pipeline(folder, "targets")
    assert error.value.message.startswith(f"No space is left on the device of {folder}/data/08_reporting (")
    assert "paper_lsd.csv, which was being written, needs more than" in error.value.message
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    run_pipeline(folder, "targets")
    systems = [run.data.tags[SYSTEM] for run in mlflow.search_runs(search_all_experiments=True, output_format="list")]
    assert len(systems) == len(set(systems)) > 3
