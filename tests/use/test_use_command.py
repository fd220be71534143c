"""`saga super-resolve` on the command line: what it says, what it returns, what it leaves alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from saga_kedro.audio import FULL_BAND_HZ
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.cli import app
from saga_kedro.model import saved
from saga_kedro.use.command import ended_politely
from saga_kedro.use.one_file import UNFINISHED, super_resolve_file
from saga_kedro.use.places import Job
from saga_kedro.use.settings import Settings
from sounds import bursts_over_noise, full_band, muffled


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a muffled file, a full-band one in a sub-folder, and a broken one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    (folder / "zwei Wörter").mkdir(parents=True)
    soundfile.write(folder / "muffled.wav", muffled(0.5).T, 44_100)
    soundfile.write(folder / "zwei Wörter" / "音.flac", full_band(0.5).T, 44_100)
    (folder / "broken.wav").write_text("no audio")
    return folder


def saga(*arguments: object):
    return CliRunner().invoke(app, ["super-resolve", *map(str, arguments)])


def test_some_files_fail_and_the_others_are_done_whatever_their_names(files, model_folder):
    done = saga(files, "-o", "out", "--model", model_folder)
    assert done.exit_code == 1
    assert "2 of 3 files done, 1 failed." in done.stdout
    assert "broken.wav: cannot be read as audio" in done.stderr
    assert "carries signal up to 4." in done.stdout
    assert "left as it is (it is full-band already" in done.stdout
    assert sorted(str(path) for path in Path("out").rglob("*.*")) == ["out/muffled.wav", "out/zwei Wörter/音.flac"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Missing option"),
        (["-o", "out", "--rolloff", "1.5"], "rolloff"),
        (["-o", "out", "--noise-floor", "2"], "noise-floor"),
        (["-o", "out", "--noise-floor", "-0.1"], "noise-floor"),
        (["-o", "out", "--steps", "0"], "steps"),
        (["-o", "out", "--format", "mp3"], "format"),
        (["-o", "out", "--cutoff", "30000"], "A cutoff lies between"),
        (["-o", "in/muffled.wav"], "is a file: --out names a folder"),
        (["-o", "out", "--device", "abacus"], "--device abacus cannot be used here"),
        (["-o", "out", "--model", "nowhere"], "There is no saga_sr.json in nowhere"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(files, options, words):
    done = saga(files, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not Path("out").exists()


def test_nothing_is_overwritten_without_being_told_to(files, model_folder):
    given = (files / "muffled.wav", "-o", "out", "--model", model_folder)
    assert saga(*given).exit_code == 0
    Path("out/muffled.wav").write_text("mine")
    again = saga(*given)
    assert again.exit_code == 1
    assert "is there already: --overwrite replaces it" in again.stderr
    assert Path("out/muffled.wav").read_text() == "mine"
    assert saga(*given, "--overwrite").exit_code == 0
    assert soundfile.info("out/muffled.wav").frames == 22_050


def test_without_weights_one_sentence_says_so_and_a_dry_run_measures_and_writes_nothing(files, monkeypatch, tmp_path):
    monkeypatch.setattr(saved, "SHIPPED", tmp_path / "no weights")
    refused = saga(files, "-o", "out")
    assert refused.exit_code == 2
    assert refused.stderr.strip().count("\n") == 0
    assert "comes without weights: name the folder of a model that you trained" in refused.stderr
    done = saga(files, "-o", "out", "--dry-run")
    assert done.exit_code == 1
    assert "would be super-resolved (carries signal up to 4." in done.stdout
    assert "would be left as it is (it is full-band already" in done.stdout
    assert not Path("out").exists()


def test_json_is_all_that_is_printed(files, model_folder):
    Path("empty").mkdir()
    done = saga(files, "nowhere.wav", "empty", "-o", "out", "--model", model_folder, "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["failed"] == 3
    by_name = {Path(file["input"]).name: file for file in report["files"]}
    assert by_name["muffled.wav"]["cutoff_hz"] == pytest.approx(4_000, rel=0.1)
    assert by_name["muffled.wav"]["status"] == "super-resolved"
    assert by_name["音.flac"]["cutoff_hz"] is None
    assert by_name["nowhere.wav"]["why"] == "nowhere.wav: there is no such file."
    assert by_name["empty"]["why"] == "empty: there is no audio file in this folder."
    assert done.stderr == ""


def test_the_version_and_the_help_with_the_bandwidth_from_which_files_are_copied():
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("saga-kedro 0.")
    text = " ".join(CliRunner().invoke(app, ["super-resolve", "--help"]).output.split())
    assert f"Files that reach up to {FULL_BAND_HZ / 1000:g} kHz already are copied" in text


def test_every_dial_reaches_the_model(files, model_folder):
    noisy = low_pass(bursts_over_noise()[0], 44_100, LowPass("chebyshev", 8, 4_000))
    soundfile.write(files / "noisy.wav", noisy.T, 44_100, subtype="FLOAT")

    def sound(*options: object, name: str = "muffled.wav") -> bytes:
        done = saga(files / name, "-o", "out", "--model", model_folder, "--overwrite", *options)
        assert done.exit_code == 0, done.stderr
        return soundfile.read(f"out/{name}")[0].tobytes()

    usual = sound()
    dials = [("--rolloff", 0.2), ("--prompt", "a bell"), ("--steps", 3), ("--s-a", 3), ("--s-t", 3), ("--seed", 1)]
    for dial in (*dials, ("--cutoff", 3_000), ("--fast",)):
        assert sound(*dial) != usual, dial
    usual, none, all_of_it = (sound(*dial, name="noisy.wav") for dial in ((), ("--noise-floor", 0), ("--noise-floor", 1)))
    assert usual == none != all_of_it


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from saga_kedro.cli import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "heavy = {'torch', 'kedro', 'mlflow', 'transformers', 'numpy', 'scipy', 'pandas', 'gradio'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()  # seconds of the processor: others may be busy
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.0


def test_a_kill_leaves_nothing_unfinished(files, model):
    seen: list[Path] = []

    def advance(seconds: float) -> None:
        seen.extend(Path("out").glob(f"{UNFINISHED}*/*.raw"))
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit), ended_politely():
        super_resolve_file(model, Job(files / "muffled.wav", Path("out/muffled.wav")), Settings(), advance)
    assert seen
    assert list(Path("out").iterdir()) == []
