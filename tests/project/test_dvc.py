"""`dvc repro` builds everything from nothing, runs only what depends on a change, and certifies nothing that is stale."""

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from git_repositories import commit, git
from quick_start import commands
from saga_kedro.stages import STAGES
from scratch_project import ROOT, make_project, merged

ALL = {"keys", *(stage for stage in STAGES if not stage.startswith("audit"))}


def run(folder: Path, *command: str) -> str:
    """What a command prints; it must succeed."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def repro(folder: Path, *stages: str) -> set[str]:
    """The stages that a `dvc repro` ran."""
    return {
        line.split("'")[1] for line in run(folder, "dvc", "repro", *stages).splitlines() if line.startswith("Running stage")
    }


def set_parameters(folder: Path, changes: dict, file: str = "conf/base/parameters.yml") -> None:
    path = folder / file
    known = yaml.safe_load(path.read_text()) if path.exists() else {}
    path.write_text(yaml.safe_dump(merged(known, changes)))


def edit(folder: Path, module: str, old: str, new: str) -> None:
    path = folder / "src/saga_kedro" / module
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def trained(folder: Path) -> dict[str, str]:
    return json.loads((folder / "data/06_models/demo/fit.json").read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A project that `dvc repro` built from nothing; the tests change it one after the other."""
    folder = make_project(tmp_path_factory.mktemp("dvc") / "project")
    set_parameters(folder, {"degrade": {"draws": 1}, "evaluate": {"metrics": ["LSD"]}})
    (folder / "conf/local/.gitkeep").touch()
    shutil.copy(ROOT / ".gitignore", folder)
    git(folder, "init", "--quiet")
    with commands() as quick, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(quick), prepend=os.pathsep)
        run(folder, "dvc", "init", "--quiet")
        shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
        assert repro(folder) == ALL
        commit(folder)
        yield folder


def test_a_second_time_nothing_runs_and_numbers_and_plots_are_there(built):
    assert repro(built) == set()
    assert "eval" in run(built, "dvc", "metrics", "show", "--json")
    assert "summary.csv" in run(built, "dvc", "plots", "show", "--json")


def test_an_experiment_without_pictures_and_dial_is_compared_with_the_last_commit(built):
    changes = ("sample.steps=1", "evaluate.examples=0", "report.examples=0", "report.dial_pairs=0")
    run(built, "dvc", "exp", "run", *(f"--set-param=conf/base/parameters.yml:{change}" for change in changes))
    metric, column = "eval/LSD/music/4kHz", "data/08_reporting/demo/metrics.json:eval/LSD/music/4kHz"
    (changed,) = json.loads(run(built, "dvc", "metrics", "diff", "--json")).values()
    assert changed[metric]["old"] != changed[metric]["new"]
    shown = pd.read_csv(io.StringIO(run(built, "dvc", "exp", "show", "--csv")))
    values = shown[column if column in shown else metric].astype(float)
    assert set(values) == {changed[metric]["old"], changed[metric]["new"]}
    git(built, "reset", "--hard", "--quiet")
    run(built, "dvc", "checkout")
    assert repro(built) == set()


def test_a_docstring_runs_nothing_but_the_keys(built):
    edit(built, "training/flow_training.py", '"""', '# a comment\n"""Reworded. ')
    assert repro(built) == {"keys"}


def test_kedro_runs_leave_what_dvc_built_as_it_is(built):
    lock = (built / "dvc.lock").read_bytes()
    run(built, "kedro", "run", "--pipeline", "train")
    run(built, "kedro", "run", "--pipeline", "train", "--params", "fit.steps=4,degrade.order=4")
    assert "up to date" in run(built, "dvc", "status")
    assert (built / "dvc.lock").read_bytes() == lock
    assert len(list((built / "data/06_models").glob("demo*/fit.json"))) == 2


def test_a_parameter_of_conf_local_counts_as_it_does_for_kedro(built):
    set_parameters(built, {"sample": {"steps": 1}}, "conf/local/parameters.yml")
    assert repro(built, "evaluate") == {"keys", "evaluate"}


def test_a_changed_pair_reruns_no_training(built):
    set_parameters(built, {"degrade": {"order": 6}})
    assert repro(built, "caption_pairs", "fit") == {"keys", "degrade", "caption_pairs"}


def test_a_changed_line_of_the_training_step_trains_again_on_the_same_latents(built):
    before = trained(built)
    edit(built, "training/flow_training.py", "return loss\n", "return loss.square()\n")
    assert repro(built, "fit") == {"keys", "fit"}
    assert trained(built)["weights"] != before["weights"]


def test_other_draws_are_encoded_and_trained_again(built):
    before = trained(built)
    set_parameters(built, {"degrade": {"draws": 2}})
    assert repro(built, "fit") == {"keys", "encode", "fit"}
    assert trained(built)["key"] != before["key"]
