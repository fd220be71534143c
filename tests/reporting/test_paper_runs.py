"""MLflow beside the paper: its runs are written once, the experiment says what it is, a run says whether it is the paper's."""

import json

import mlflow
import pandas as pd
import pytest

from saga_kedro.model.saved import CONFIG
from saga_kedro.reporting.likeness import TEST, TRAINING, Likeness, corpora, likeness_of
from saga_kedro.reporting.mlflow_views import COLUMNS, log_paper_runs, set_up_experiment
from saga_kedro.reporting.results import evaluation_note
from saga_kedro.reporting.targets import READING_NOTE, checked_targets, target_metrics
from scratch_project import empty_store
from small_corpus import tiny_parameters


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    mlflow.set_tracking_uri(empty_store(tmp_path_factory.mktemp("mlruns")))
    return mlflow.MlflowClient().create_experiment("saga_kedro")


def written(experiment):
    runs = mlflow.MlflowClient().search_runs([experiment], order_by=["attributes.start_time DESC"])
    return {run.info.run_name: run for run in runs}


def test_the_papers_runs_are_written_once_and_corrected_where_they_changed(experiment, paper_targets):
    assert set(log_paper_runs(paper_targets, experiment)) == set(paper_targets["system"])
    runs = written(experiment)
    assert {"paper: AudioSR", "paper: FlashSR", "paper: unprocessed"} < set(runs)
    assert next(iter(runs)) == "paper: SAGA-SR"
    saga = runs["paper: SAGA-SR"].data.metrics
    assert (saga["eval/LSD/speech/4kHz"], saga["eval/FD/music/4kHz"], saga["eval/MOS/effects/4kHz"]) == (1.28, 23.87, 3.88)
    assert "eval/FD/speech/4kHz" not in saga
    assert runs["paper: AudioSR"].data.metrics["eval/LSD/music/4kHz"] == 2.09
    note = runs["paper: AudioSR"].data.tags["mlflow.note.content"]
    assert all(part in note for part in ("arXiv:2509.24924", "reading order alone", READING_NOTE))
    assert {run.info.status for run in runs.values()} == {"FINISHED"}

    assert log_paper_runs(paper_targets, experiment) == []
    assert written(experiment).keys() == runs.keys()
    corrected = paper_targets.copy()
    at = (corrected["system"] == "saga_sr") & (corrected["metric"] == "LSD") & (corrected["category"] == "speech")
    corrected.loc[at, "value"] += 1
    assert log_paper_runs(corrected, experiment) == ["saga_sr"]
    assert written(experiment)["paper: SAGA-SR"].data.metrics["eval/LSD/speech/4kHz"] == pytest.approx(2.28)


def test_the_experiment_has_a_description_and_a_view_with_the_columns_one_wants(experiment):
    set_up_experiment(experiment)
    tags = mlflow.MlflowClient().get_experiment(experiment).tags
    assert "paper: SAGA-SR" in tags["mlflow.note.content"]
    view = json.loads(tags["mlflow.sharedViewState.paper"])
    assert json.loads(view["state"])["selectedColumns"] == COLUMNS
    assert COLUMNS[0] == "metrics.`eval/LSD/speech/4kHz`"


def test_only_the_papers_codec_corpora_and_test_sets_are_the_papers(tmp_path):
    def likeness(codec, trained_on, tested_on, cutoffs_khz):
        (tmp_path / CONFIG).write_text(json.dumps({"codec": codec}))
        return likeness_of({"folder": str(tmp_path), "ingest": trained_on}, tested_on, cutoffs_khz)

    vae = tmp_path / "vae"
    for folder in (vae, *(tmp_path / "training" / name for name in TRAINING), *(tmp_path / "test" / name for name in TEST)):
        folder.mkdir(parents=True)
    config = {"model": {"pretransform": {"config": {"latent_dim": 64, "downsampling_ratio": 2048}}}}
    (vae / "model_config.json").write_text(json.dumps(config))
    training, test = ({"source": "collection", "path": str(tmp_path / kind)} for kind in ("training", "test"))
    autoencoder = {"name": "autoencoder", "path": str(vae)}
    assert corpora(training) == TRAINING
    the_papers = likeness(autoencoder, training, test, {4.0, 8.0})
    assert the_papers == Likeness(codec=True, data=True, test_set=True)
    assert the_papers.tags()["paper.reproduction"] == "yes"
    assert likeness({"name": "band_envelope"}, {}, {"source": "demo", "path": None}, {4.0}) == Likeness(False, False, False)
    # a VAE of another shape, the test corpora among the training's, one cutoff only
    (vae / "model_config.json").write_text(json.dumps({"model": {"latent_dim": 32, "downsampling_ratio": 2048}}))
    assert likeness(autoencoder, test, test, {4.0}) == Likeness(False, False, False)


def test_a_run_is_described_with_its_numbers_and_what_they_are_not(paper_targets):
    summary = pd.DataFrame(
        [(row, "speech", 4.0, "LSD", mean, mean - 0.1, mean + 0.1, 0.1, 8) for row, mean in (("ours", 1.5), ("flashsr", 1.2))],
        columns=["row", "category", "cutoff_khz", "metric", "mean", "low", "high", "deviation", "clips"],
    )
    model = {"folder": "data/06_models/demo/abc", "steps": 600, "weights": "0123456789abcdef"}
    note = evaluation_note(summary, paper_targets, Likeness(False, False, False), model, tiny_parameters())
    assert "8 pairs of the dataset *demo*, beside flashsr" in note
    assert "| ours | 1.50 ± 0.10 |" in note
    assert "| LSD, speech, 4kHz | 1.50 | 1.28 | +0.22 |" in note
    assert "no reproduction of the paper's number" in note


def test_an_unknown_system_and_a_broken_table_are_one_sentence(paper_targets):
    with pytest.raises(ValueError, match="no system 'nusr'; it has audiosr"):
        target_metrics(paper_targets, "nusr")
    with pytest.raises(ValueError, match="lacks the columns source, table"):
        checked_targets(pd.DataFrame({"system": ["a"]}))
