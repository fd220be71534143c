"""MLflow's run keeps parameters, curves and artifacts: over changed data, a deleted run, a moved project."""

import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Metric

from saga_kedro import tracking
from saga_kedro.audit.runs import Runs
from saga_kedro.tracking import Logged, rehome
from saga_kedro.training.logged_model import log_model
from scratch_project import empty_store

MANY = {f"p{index}": str(index) for index in range(150)}


def use(project: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlruns/mlflow.db")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with an experiment whose artifacts lie in it, as conf/base/mlflow.yml has it."""
    folder = tmp_path_factory.mktemp("tracking") / "project"
    (folder / "mlruns").mkdir(parents=True)
    mlflow.set_tracking_uri(empty_store(folder / "mlruns"))
    mlflow.create_experiment("saga_kedro", artifact_location=str(folder / "mlruns" / "artifacts"))
    mlflow.set_experiment("saga_kedro")
    return folder


def test_after_the_data_changed_the_new_run_has_the_parameters_and_the_old_one_stays(project):
    with mlflow.start_run(run_name="demo") as old:
        assert tracking.own_run("1") == old.info.run_id
        tracking.log_parameters(old.info.run_id, MANY)
        new = mlflow.get_run(tracking.own_run("2"))
        mlflow.end_run()
    assert new.info.run_id != old.info.run_id
    assert (new.info.run_name, new.data.params) == ("demo", MANY)
    assert mlflow.get_run(old.info.run_id).data.tags[tracking.DATA_VERSION] == "1"


def test_an_audits_run_has_all_parameters(project):
    run_id, new = Runs("saga_kedro").open("key", "arm", {}, MANY)
    assert new
    assert mlflow.get_run(run_id).data.params == MANY


def test_a_training_whose_run_was_deleted_is_logged_again_from_its_folder(project, tmp_path):
    client = mlflow.MlflowClient()
    run_id, restored = (mlflow.MlflowClient().create_run("1").info.run_id for _ in range(2))
    points = [Metric("train/loss", 2 - step / 3000, 0, step) for step in range(2500)]
    client.log_batch(run_id, [*points, Metric("yardstick/nothing", 2.0, 0, 0), Metric("eval/LSD/speech/4kHz", 1.5, 0, 0)])
    tracking.keep_curves(run_id, tmp_path)
    assert not tracking.is_gone(run_id)
    client.delete_run(run_id)
    assert tracking.is_gone(run_id)
    assert tracking.is_gone("unknown")
    tracking.restore_curves(restored, tmp_path)
    curve = client.get_metric_history(restored, "train/loss")
    assert [(point.step, point.value) for point in curve] == [(point.step, point.value) for point in points]
    assert client.get_run(restored).data.metrics.keys() == {"train/loss", "yardstick/nothing"}
    assert len(tracking.read_history({"folder": str(tmp_path)})) == 2501


def test_results_are_logged_once(project, tmp_path):
    (tmp_path / "page.html").write_text("page")
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.flac").write_bytes(b"a")
    logged = Logged(
        {"eval/LSD": 1.5}, {"paper.codec": "no"}, {"report": [str(tmp_path / "page.html"), str(tmp_path / "sounds")]}
    )
    client = mlflow.MlflowClient()
    run_id = client.create_run("1").info.run_id
    for _ in range(2):
        tracking.log_results(run_id, logged)
    assert len(client.get_metric_history(run_id, "eval/LSD")) == 1
    assert client.get_run(run_id).data.tags["paper.codec"] == "no"
    assert {artifact.path for artifact in client.list_artifacts(run_id, "report")} == {"report/page.html", "report/a.flac"}


def test_the_alias_best_is_the_lowest_validation_loss_on_the_newest_data(project, model_folder, monkeypatch):
    monkeypatch.chdir(project)
    client = mlflow.MlflowClient()
    for loss, data, best in ((2.0, "1", 1), (3.0, "1", 1), (1.5, "1", 3), (2.5, "2", 4), (None, "2", 4)):
        with mlflow.start_run(tags={tracking.DATA_VERSION: data}):
            if loss:
                mlflow.log_metric("val/loss", loss)
            log_model(model_folder, "demo")
        assert int(client.get_registered_model("saga-demo").aliases["best"]) == best


def test_a_moved_project_finds_its_artifacts_and_models(project, tmp_path):
    with mlflow.start_run() as run:
        mlflow.log_text("kept", "report/report.html")
        model = mlflow.initialize_logged_model(name="model").model_id
    client = mlflow.MlflowClient()
    client.create_registered_model("moved")
    client.create_model_version("moved", f"models:/{model}", run.info.run_id, model_id=model)
    moved = tmp_path / "elsewhere"
    shutil.copytree(project, moved)
    shutil.rmtree(project / "mlruns" / "artifacts")
    use(moved)
    rehome(moved)
    rehome(moved)
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/report/report.html") == "kept"
    assert mlflow.get_logged_model(model).artifact_location.startswith(str(moved / "mlruns" / "artifacts"))
    assert mlflow.MlflowClient().get_model_version_download_uri("moved", "1").startswith(str(moved / "mlruns" / "artifacts"))
    assert mlflow.get_experiment("1").artifact_location == str(moved / "mlruns" / "artifacts")
    rehome(tmp_path)  # no store: nothing to do
