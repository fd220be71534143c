"""`saga doctor`: one screen with the weights and tools found, those missing, and what to do about them."""

import shutil

import pytest
from typer.testing import CliRunner

from saga_kedro.cli import app
from saga_kedro.doctor import corpora, examine
from saga_kedro.parameters import changed
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.weights import QWEN2_AUDIO
from scratch_project import make_project
from tiny_autoencoder import write_tiny_autoencoder
from tiny_checkpoints import tiny_t5

PRETRAINED = "data/06_models/pretrained"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """T5 and the VAE are there, Qwen2-Audio and all corpora but one are not."""
    folder = make_project(tmp_path_factory.mktemp("doctor") / "project", over={})
    tiny_t5(folder / PRETRAINED / "t5-base", width=16)
    write_tiny_autoencoder(folder / PRETRAINED / "stable-audio-open-1.0")
    (folder / "data/01_raw/paper/vctk").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def findings(project):
    return {finding.what: finding for finding in examine(project, read_parameters(project, "paper"))}


def test_weights_that_are_there_and_weights_that_are_not(findings):
    assert findings["T5-base"].state == "ok"
    assert findings["VAE of Stable Audio Open"].state == "ok"
    missing = findings["Qwen2-Audio-7B"]
    assert missing.state == "missing"
    assert f"{PRETRAINED}/qwen2-audio-7b" in missing.found
    assert missing.remedy == QWEN2_AUDIO.sentence(f"{PRETRAINED}/qwen2-audio-7b")  # what a run says, word for word


def test_the_machine_is_looked_at(findings):
    assert findings["Python"].state == "ok"
    assert "GiB free" in findings["memory"].found


def test_corpora_that_are_there_and_that_are_not(findings):
    assert findings["corpora"].state == "note"
    assert findings["corpora"].found.startswith("vctk of 8")
    assert "moisesdb" in findings["corpora"].remedy


@pytest.mark.parametrize(
    ("source", "tools"), [("debian", "apt-get"), ("git", "git"), ("debian+git", "apt-get and git"), ("demo", None)]
)
def test_a_source_that_is_downloaded_is_named_with_what_downloads_it(project, source, tools):
    found = next(iter(corpora(project, changed(read_parameters(project, "base"), {"ingest.source": source}))))
    assert (found.what, found.found) == (f"corpus {source}", f"downloaded with {tools}" if tools else "made here")


def test_one_screen(project):
    answer = CliRunner().invoke(app, ["doctor", "--project", str(project)], env={"COLUMNS": "120"})
    assert answer.exit_code == 0, answer.output
    assert len(answer.output.splitlines()) <= 40
    assert "conf/base runs here" in answer.output
    assert "conf/paper does not run here yet: Qwen2-Audio-7B" in answer.output


def test_the_embedded_configuration_lacks_nothing(project):
    answer = CliRunner().invoke(app, ["doctor", "--project", str(project), "--env", "base"])
    assert "conf/base runs here" in answer.output
    assert "does not run" not in answer.output


@pytest.mark.parametrize("arguments", [["--env", "nowhere"], ["--project", "/"]])
def test_a_project_or_environment_that_is_not_there(project, arguments):
    answer = CliRunner().invoke(app, ["doctor", "--project", str(project), *arguments])
    assert answer.exit_code == 2
    assert "Error: there is no" in answer.output


def test_with_everything_there_the_paper_runs_here(project, tmp_path):
    from tiny_checkpoints import tiny_qwen2_audio

    complete = tmp_path / "complete"
    shutil.copytree(project, complete)
    tiny_qwen2_audio(complete / PRETRAINED / "qwen2-audio-7b")
    answer = CliRunner().invoke(app, ["doctor", "--project", str(complete)], env={"COLUMNS": "120"})
    assert "conf/paper runs here" in answer.output
