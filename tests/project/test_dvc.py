"""`dvc repro` builds everything from nothing; a second one does nothing; a change reruns what depends on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scratch_project import TINY, make_project, merged

BIN = Path(sys.executable).parent
DATA_STAGES = {"ingest", "resample", "caption", "degrade", "caption_pairs", "encode"}


def dvc(folder: Path, *arguments: str) -> str:
    """What a dvc command prints."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": ""}
    result = subprocess.run([BIN / "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result.stdout


def ran(output: str) -> set[str]:
    """The stages that a `dvc repro` ran."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def set_parameters(folder: Path, changes: dict) -> None:
    path = folder / "conf/base/parameters.yml"
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), changes)))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project that `dvc repro` built from nothing, and which stages it ran."""
    folder = make_project(tmp_path_factory.mktemp("dvc") / "project")
    dvc(folder, "init", "--no-scm", "--quiet")
    shutil.copy(Path(__file__).parents[2] / ".dvc/config", folder / ".dvc/config")
    set_parameters(folder, TINY)
    dvc(folder, "config", "core.no_scm", "true")
    return folder, ran(dvc(folder, "repro"))


def test_everything_is_built_from_nothing(built):
    folder, stages = built
    assert DATA_STAGES | {"fit", "evaluate"} <= stages
    assert (folder / "data/08_reporting/demo/metrics.json").exists()


def test_a_second_time_nothing_is_built(built):
    folder, _ = built
    assert ran(dvc(folder, "repro")) == set()


def test_metrics_and_plots_are_there_to_compare(built):
    folder, _ = built
    assert "eval" in dvc(folder, "metrics", "show", "--json")
    assert "summary.csv" in dvc(folder, "plots", "show", "--json")


def test_a_changed_degradation_reruns_only_what_depends_on_it(built):
    folder, _ = built
    set_parameters(folder, {"degrade": {"order": 6}})
    assert ran(dvc(folder, "repro", "caption_pairs", "encode")) == {"degrade", "caption_pairs"}
