"""What a run cannot do is said in one sentence, as early as it can be known."""

from typing import Any

import mlflow
import pytest
import requests
import yaml
from click import ClickException
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import ParallelRunner, ThreadRunner
from mlflow.exceptions import MlflowException

from saga_kedro.pipelines.command_hook import hook
from scratch_project import run_pipeline


@pytest.mark.parametrize(
    ("pipeline", "parameters", "sentence"),
    [
        ("train", {"caption": {"source": "table", "path": "captions.csv"}}, "caption.path=captions.csv: there is nothing at"),
        ("evaluate_pairs", {"evaluate": {"model": "nowhere"}}, "nowhere holds no model .*train one with .*evaluate.model=<"),
        ("audit", {"audit": {"pairs": "pairs"}}, "audit.pairs=pairs: there is nothing at"),
        ("audit", {"audit": {"checkpoint": "last.ckpt"}}, "audit.checkpoint=last.ckpt: there is nothing at"),
    ],
)
def test_a_path_that_is_not_there_stops_a_run_before_its_first_node(project, pipeline, parameters, sentence):
    folder = project()
    with pytest.raises(ClickException, match=sentence):
        run_pipeline(folder, pipeline, **parameters)
    assert not [path for path in (folder / "data").rglob("*") if path.is_file() and path.parent.name != ".locks"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"only_missing_outputs": True}, "leave it out"),
        ({"runner": ThreadRunner()}, "each spreads its items over processes: leave --runner out"),
        ({"runner": ParallelRunner()}, "leave --runner out"),
        ({"from_nodes": ["write_report"]}, "begins with lsd_by_frequency, report_findings, rolloff_dial, training_history"),
    ],
)
def test_an_option_of_kedro_that_cannot_work_is_refused(project, options, sentence):
    folder = project()
    bootstrap_project(folder)
    session: Any = KedroSession.create(project_path=folder)
    with session, pytest.raises(ClickException, match=sentence):
        session.run(pipeline_names=["report"], **options)


@pytest.mark.parametrize("option", [["--params", "ingest.held_out.test=[a,b]"], ["--params=seed=1,ingest.path=/x,y"]])
def test_a_comma_that_params_cannot_hold_is_said_with_the_place_for_it(option):
    with pytest.raises(SystemExit, match=r"go into conf/local/parameters\.yml"):
        hook.before_command_run(["run", *option])
    hook.before_command_run(["run", "--params", "seed=1,fit.steps=2"])


def test_a_tracking_server_that_is_not_there_is_named(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = project()
    settings = yaml.safe_load((folder / "conf/base/mlflow.yml").read_text())
    settings["server"]["mlflow_tracking_uri"] = "http://127.0.0.1:9"
    (folder / "conf/local/mlflow.yml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ClickException, match="server http://127.0.0.1:9 does not answer. Start it and run the same command"):
        run_pipeline(folder, "ingest")


def test_a_tracking_server_that_dies_during_a_training_is_named_and_the_same_command_resumes(project, monkeypatch):
    folder = project()

    def dead(*_, **__):
        try:
            raise requests.ConnectionError("connection refused")
        except requests.ConnectionError as error:
            raise MlflowException(f"API request failed with exception {error}")  # noqa: B904  # as MLflow raises it

    with monkeypatch.context() as patch:
        patch.setattr("saga_kedro.training.callbacks.RunLogger.log_metrics", dead)
        with pytest.raises(ClickException, match="does not answer. Start it and run the same command again"):
            run_pipeline(folder, "train")
    run_pipeline(folder, "fit")
    runs = mlflow.search_runs(experiment_names=["saga_kedro"], output_format="list")
    (run,) = [one for one in runs if "saga.configuration" in one.data.tags]
    assert "train/loss" in run.data.metrics
