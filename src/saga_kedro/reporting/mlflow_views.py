"""What MLflow's UI shows first: the experiment's description, the paper's systems as runs, and a saved view of both.

A saved view is a tag of the experiment, ``mlflow.sharedViewState.<key>`` (MLflow 3.17); other versions show all columns.
"""

import json
from datetime import UTC, datetime

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from saga_kedro.locks import store_lock
from saga_kedro.reporting.targets import READING_NOTE, TARGET, checked_targets, display_name, paper_table, target_metrics

SYSTEM = "paper.system"
NAME, NOTE = "mlflow.runName", "mlflow.note.content"
PUBLISHED = int(datetime(2025, 9, 29, tzinfo=UTC).timestamp() * 1000)
"""The paper's first version, in ms: sorted by time, its runs come after ours."""
VIEW = "paper"
COLUMNS = [
    *(f"metrics.`eval/LSD/{category}/{cutoff}`" for cutoff in ("4kHz", "8kHz") for category in ("speech", "music", "effects")),
    "tags.`paper.reproduction`",
    "params.`fit.steps`",
    "params.`sample.steps`",
]
DESCRIPTION = """\
Every training and every evaluation of this project, beside the numbers of SAGA-SR's paper (arXiv:2509.24924).

- **Compare with the paper**: tick one of our runs and *paper: SAGA-SR*, press *Compare*. The view *Against the paper* (menu
  *Views*) has the columns for it.
- `eval/LSD/speech/4kHz` is ours, or the paper's system's in a run called *paper: ...*; `eval_<row>/...` are the other rows
  of the same table (`untouched`, `codec`, `copy_up`, other systems); `gap/...` is ours minus the paper's SAGA-SR.
- `paper.reproduction` says whether codec, training data and test set are the paper's. Where it says `no`, a gap is a distance,
  not a reproduction.
- `train/...`; `val/loss/t0.5`, at a fixed t: compares between runs; `yardstick/...`: a baseline's loss.
"""


def set_up_experiment(experiment_id: str) -> None:
    """Give the experiment its description, its kind and the view."""
    # widths that hold the names
    state = {"selectedColumns": COLUMNS, "columnOrder": COLUMNS, "columnWidths": dict.fromkeys(COLUMNS, 165)}
    wanted = {
        NOTE: DESCRIPTION,
        # the UI has one menu for training and one for language models
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps({"name": "Against the paper", "createdAt": 0, "state": json.dumps(state)}),
    }
    for name, value in wanted.items():
        MlflowClient().set_experiment_tag(experiment_id, name, value)


def log_targets(paper_targets: pd.DataFrame, mlflow_experiment: str) -> pd.DataFrame:
    """Write the paper's systems as runs beside ours, set up the experiment's page, and return the paper's LSD as a table."""
    targets = checked_targets(paper_targets)
    experiment = mlflow.set_experiment(mlflow_experiment).experiment_id
    with store_lock():  # the second of two processes finds what the first wrote
        set_up_experiment(experiment)
        log_paper_runs(targets, experiment)
    return paper_table(targets, "LSD")


def log_paper_runs(targets: pd.DataFrame, experiment_id: str) -> list[str]:
    """Write every system of the paper's tables as a run named ``paper: SAGA-SR``, and return the new and changed ones."""
    client = MlflowClient()
    known = {run.data.tags[SYSTEM]: run for run in client.search_runs([experiment_id], f"tags.`{SYSTEM}` != ''")}
    written = []
    # the UI lists the newest first: SAGA-SR, then the others in the order of the paper's table
    for place, system in enumerate(sorted(targets["system"].unique(), key=lambda system: system != TARGET)):
        name, note, metrics = f"paper: {display_name(system)}", _note(targets, system), target_metrics(targets, system)
        run = known.get(system)
        if run and (run.info.run_name, run.data.tags.get(NOTE), run.data.metrics) == (name, note, metrics):
            continue
        if run is None:  # with its tag: a process that dies before it wrote the rest finds its run again
            run = client.create_run(experiment_id, PUBLISHED - 1000 * place, {SYSTEM: system}, name)
        new = [Metric(key, value, PUBLISHED, 0) for key, value in metrics.items() if run.data.metrics.get(key) != value]
        client.log_batch(run.info.run_id, metrics=new, tags=[RunTag(NAME, name), RunTag(NOTE, note)])
        client.set_terminated(run.info.run_id, end_time=run.info.start_time)
        written.append(system)
    return written


def _note(targets: pd.DataFrame, system: str) -> str:
    lines = targets[targets["system"] == system]
    tables = " and ".join(str(table) for table in sorted(lines["table"].unique()))
    return (
        f"{display_name(system)} as {lines['source'].iloc[0]} reports it (table {tables}). "
        f"Not a run of this project: numbers copied from the paper.\n\n{READING_NOTE}"
    )


def main() -> None:
    """Print the path of the view of our runs and the paper's, which `make ui` opens."""
    mlflow.set_tracking_uri("sqlite:///mlruns/mlflow.db")
    experiment = mlflow.get_experiment_by_name("saga_kedro")
    print(f"#/experiments/{experiment.experiment_id}/runs?viewStateShareKey={VIEW}" if experiment else "")


if __name__ == "__main__":
    main()
