"""`evaluate_pairs` and `report` on a scratch project: other systems in the same tables, the paper beside them."""

import json

import mlflow
import numpy as np
import pandas as pd
import pytest

from saga_kedro.audio.io import write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.pipelines.configuration import read_parameters
from scratch_project import make_project, run_pipeline

RATE = 44_100


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A project in which an untrained model was judged on three given pairs beside another system."""
    root = tmp_path_factory.mktemp("judged")
    for index, category in enumerate("fms"):
        reference = (0.1 * np.random.default_rng(index).standard_normal((1, RATE))).astype(np.float32)
        sounds = {
            "0_lr": low_pass(reference, RATE, LowPass("chebyshev", 8, 4000)),
            "1_other": 0.9 * reference,
            "4_hr": reference,
        }
        for name, audio in sounds.items():
            write_audio(root / "given" / f"{category}_{index}_{name}.wav", audio, RATE)
    folder = make_project(root / "project")
    parameters = read_parameters(folder)
    model = SagaSR(parameters.model.model_dump() | {"sample": parameters.sample.model_dump()})
    model.save_pretrained(root / "model")
    run_pipeline(
        folder,
        "evaluate_pairs",
        ingest={"source": "pairs", "path": str(root / "given")},
        evaluate={"model": str(root / "model")},
        sample={"rolloff": 0.8},  # an untrained model has no predictor
        report={"dial": [0.5], "dial_seconds": 1.0},
    )
    return folder


def reporting(judged):
    """The folder of the newest report: each model that is judged has one."""
    return max((judged / "data/08_reporting").glob("given*/report.html"), key=lambda path: path.stat().st_mtime).parent


def test_another_systems_outputs_stand_in_the_same_table(judged):
    metrics = json.loads(next((judged / "data/08_reporting").glob("given*/metrics.json")).read_text())
    assert metrics["eval_other/LSD/music/4kHz"] == pytest.approx(2 * abs(np.log10(0.9)), abs=1e-3)
    assert {"eval/LSD/speech/4kHz", "eval_untouched/SDR/effects/4kHz"} <= metrics.keys()
    assert metrics["gap/LSD/speech/4kHz"] == pytest.approx(metrics["eval/LSD/speech/4kHz"] - 1.28)
    headline = pd.read_csv(reporting(judged) / "headline.csv").set_index("row")
    assert {"ours", "other", "paper: SAGA-SR"} <= set(headline.index)


def test_the_report_has_it_all_and_says_what_is_not_known(judged):
    page = (reporting(judged) / "report.html").read_text()
    assert "No training curves" in page
    assert "are not the paper" in page.replace("&#39;", "'")
    assert page.count("<audio") == 3 * 6
    assert "https://" not in page
    assert len(pd.read_csv(reporting(judged) / "rolloff_dial.csv")) == 3
    assert json.loads((reporting(judged) / "plots/lsd_by_frequency.json").read_text())["data"]


def test_the_run_says_what_it_is_and_holds_the_report(judged):
    runs = mlflow.search_runs(experiment_names=["saga_kedro"], output_format="list")
    (ours,) = [run for run in runs if "saga.configuration" in run.data.tags]
    assert ours.info.run_name == "given, judged: model"
    assert ours.data.tags["paper.reproduction"] == "no"
    assert "beside other" in ours.data.tags["mlflow.note.content"]
    artifacts = {artifact.path for artifact in mlflow.MlflowClient().list_artifacts(ours.info.run_id, "report")}
    assert "report/report.html" in artifacts
    paper = {run.info.run_name: run for run in runs if "paper.system" in run.data.tags}
    shared = paper["paper: SAGA-SR"].data.metrics.keys() & ours.data.metrics.keys()
    assert "eval/LSD/speech/4kHz" in shared
