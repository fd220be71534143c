"""`saga diagnose` with a person's own curves: an MLflow run, a CSV; and the page that shows them."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from typer.testing import CliRunner

from saga_kedro.cli import app
from saga_kedro.diagnosis.curves import chosen, of_curves, read_curves

STEPS = np.arange(0, 1_000, 10)
LOSS = 1.107 + np.exp(-STEPS / 50)
NORM = np.where(STEPS < 300, 1_000.0, np.where(STEPS < 600, 4_000.0, 1_000.0))


def run(*arguments: str):
    return CliRunner().invoke(app, ["diagnose", *arguments])


def written(path: Path, head: str, line: str) -> Path:
    path.write_text("\n".join([head, *(line.format(*values) for values in zip(STEPS, LOSS, NORM, strict=True))]))
    return path


LIGHTNING = "epoch,step,train_loss,val_loss,grad_2.0_norm_total", "0,{0},{1},,\n0,{0},,9.0,{2}"
"""A column a metric, blanks where nothing was logged."""
LONG = "metric,step,value", "train/loss,{0},{1}\ntrain/grad_norm,{0},{2}"


@pytest.mark.parametrize("layout", [LIGHTNING, LONG])
def test_a_csv_gives_loss_and_gradient_norms_by_step(layout, tmp_path):
    curves = read_curves(written(tmp_path / "metrics.csv", *layout))
    assert curves["loss"]["step"].tolist() == STEPS.tolist()
    assert curves["loss"]["value"].to_numpy() == pytest.approx(LOSS)
    assert curves["norm"]["value"].to_numpy() == pytest.approx(NORM)
    path = tmp_path / "run-1-tag-train_loss.csv"
    path.write_text("Wall time,Step,Value\n1.0,0,2.0\n2.0,10,1.5")
    assert read_curves(path)["loss"]["value"].tolist() == [2.0, 1.5], "TensorBoard's export, named by its file"


def test_training_goes_before_validation_and_what_was_logged_before_what_is_true():
    names = ["val/loss/t0.1", "train/loss", "train/grad_norm", "train/grad_norm_as_logged", "train/loss_plateau", "lr"]
    assert chosen(names) == {"loss": "train/loss", "norm": "train/grad_norm_as_logged"}


def test_curves_say_where_the_loss_settled_and_how_norms_went(tmp_path):
    evidence = of_curves(read_curves(written(tmp_path / "metrics.csv", *LIGHTNING)))
    assert evidence.loss == pytest.approx(1.107, abs=1e-3)
    assert list(evidence.grad_norms) == [1_000] * 3 + [4_000] * 3 + [1_000] * 4
    diverged = {"loss": pd.DataFrame({"step": range(3), "value": [2.0, 1.5, math.nan]})}
    assert math.isnan(of_curves(diverged).loss or 0)


@pytest.mark.parametrize("store", ["folder", "sqlite"])
def test_a_run_is_read_from_the_store_that_is_named(store, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = tmp_path / ("mlruns" if store == "folder" else "runs.db")
    client = MlflowClient(place.as_uri() if store == "folder" else f"sqlite:///{place}")
    run_id = client.create_run(client.create_experiment("theirs")).info.run_id
    points = [Metric("train_loss", float(v), 0, int(s)) for s, v in zip(STEPS, LOSS, strict=True)]
    client.log_batch(run_id, points + [Metric("grad_norm", float(v), 0, int(s)) for s, v in zip(STEPS, NORM, strict=True)])
    result = run("--run", run_id, "--tracking", str(place), "--json")
    issues = [cause["issue"] for cause in json.loads(result.stdout)["causes"]]
    assert issues[:2] == ["gradient_logging", "vae_weights"]


def test_the_page_draws_the_curves_and_names_the_yardsticks(tmp_path):
    result = run("--curves", str(written(tmp_path / "metrics.csv", *LIGHTNING)), "--report", str(tmp_path / "report"))
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "report" / "diagnosis.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/png') == 2
    assert "Your training loss over steps, against: loss that predicts nothing 2" in page
    assert "floor of a VAE without weights 1.11" in page
    assert "a true gradient norm 1.2" in page
    assert "the latents are noise" in page.lower()
    assert "audit.issue=vae_weights" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_page_without_curves_has_the_answer_alone_and_json_stays_json_beside_it(tmp_path):
    result = run("--lsd", "30", "--json", "--report", str(tmp_path))
    page = (tmp_path / "diagnosis.html").read_text(encoding="utf-8")
    assert "LSD is in dB" in page
    assert "<img" not in page
    assert "Your outputs" not in page
    assert json.loads(result.stdout)["causes"]
    assert str(tmp_path / "diagnosis.html") in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--curves", "nowhere.csv"), "there is no such file"),
        (("--curves", "other.csv"), "no column or tag is a training loss or a gradient norm; there are: step, accuracy"),
        (("--curves", "empty.csv"), "cannot be read as a CSV"),
        (("--run", "abc", "--tracking", "nowhere"), "there is no tracking store"),
        (("--run", "abc", "--tracking", "sqlite:///empty.db"), "MLflow has no run abc in sqlite:///empty.db"),
        (("--lsd", "3", "--report", "other.csv"), "the report cannot be written there"),
    ],
)
def test_what_is_wrong_with_a_source_is_one_sentence(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("step,accuracy\n0,1")
    Path("empty.csv").write_text("")
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
