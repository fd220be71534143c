"""What MLflow's UI shows first: the experiment's description, the paper's systems as runs, and a saved view of both.

A saved view is a tag of the experiment, ``mlflow.sharedViewState.<key>``: an envelope around what the UI of MLflow 3.17 changes
of its defaults. A UI that does not know it shows its ordinary columns.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from saga_kedro.locks import store_lock
from saga_kedro.reporting.targets import TARGET, PaperRun, checked_targets, paper_runs, paper_table

logger = logging.getLogger(__name__)

SYSTEM = "paper.system"
NAME, NOTE = "mlflow.runName", "mlflow.note.content"
PUBLISHED = int(datetime(2025, 9, 29, tzinfo=UTC).timestamp() * 1000)
"""Of the paper's first version, in ms: sorted by time, its runs stand behind ours."""
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


def view_address(host: str, experiment_id: str) -> str:
    """Where the UI at ``host`` (such as ``http://127.0.0.1:5000``) shows the saved view."""
    return f"{host}/#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}"


def set_up_experiment(experiment_id: str) -> None:
    """Give the experiment its description, its kind and the view, as far as it lacks them."""
    client = MlflowClient()
    tags = client.get_experiment(experiment_id).tags
    # widths that hold the names
    state = {"selectedColumns": COLUMNS, "columnOrder": COLUMNS, "columnWidths": dict.fromkeys(COLUMNS, 165)}
    wanted = {
        NOTE: DESCRIPTION,
        # the UI has one menu for training and one for language models
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps({"name": "Against the paper", "createdAt": 0, "state": json.dumps(state)}),
    }
    for name, value in wanted.items():
        if tags.get(name) != value:
            client.set_experiment_tag(experiment_id, name, value)


def log_targets(paper_targets: pd.DataFrame, mlflow_experiment: str) -> pd.DataFrame:
    """Write the paper's systems as runs beside ours, and set up the experiment's page; existing ones stay.

    Returns:
        The paper's LSD as a table, a line per system.
    """
    targets = checked_targets(paper_targets)
    experiment = mlflow.set_experiment(mlflow_experiment).experiment_id
    with store_lock():  # of two at the same time the second finds what the first wrote
        set_up_experiment(experiment)
        runs = log_paper_runs(targets, experiment)
    written = runs[runs["written"] != "as it was"]
    logger.info("%d of the paper's %d systems written to MLflow; the others are there.", len(written), len(runs))
    return paper_table(targets, "LSD")


def log_paper_runs(targets: pd.DataFrame, experiment_id: str) -> pd.DataFrame:
    """Write every system of the paper's tables as a run named ``paper: SAGA-SR``; a run that says the same stays.

    Returns:
        Columns system, run_id, written: ``new``, ``changed`` or ``as it was``.
    """
    client = MlflowClient()
    known = {run.data.tags[SYSTEM]: run for run in client.search_runs([experiment_id], f"tags.`{SYSTEM}` != ''")}
    lines = []
    # the UI lists the newest first: SAGA-SR, then the others in the order of the paper's table
    ordered = sorted(paper_runs(targets), key=lambda paper_run: paper_run.system != TARGET)
    for place, paper_run in enumerate(ordered):
        run = known.get(paper_run.system)
        written = "new" if run is None else "as it was" if _says(run, paper_run) else "changed"
        if run is None:
            tags = {SYSTEM: paper_run.system}  # immediately: a process that dies before it wrote the rest finds its run again
            run = client.create_run(experiment_id, PUBLISHED - 1000 * place, tags, paper_run.name)
        if written != "as it was":
            _write(client, run, paper_run)
        lines.append((paper_run.system, run.info.run_id, written))
    return pd.DataFrame(lines, columns=["system", "run_id", "written"])


def _says(run: Run, paper_run: PaperRun) -> bool:
    same_words = (run.info.run_name, run.data.tags.get(NOTE)) == (paper_run.name, paper_run.description)
    return same_words and run.data.metrics == paper_run.metrics


def _write(client: MlflowClient, run: Run, paper_run: PaperRun) -> None:
    known = run.data.metrics
    new = [Metric(name, value, PUBLISHED, 0) for name, value in paper_run.metrics.items() if known.get(name) != value]
    tags = {SYSTEM: paper_run.system, NAME: paper_run.name, NOTE: paper_run.description}
    client.log_batch(run.info.run_id, metrics=new, tags=[RunTag(name, value) for name, value in tags.items()])
    client.set_terminated(run.info.run_id, end_time=run.info.start_time)


def main() -> None:
    """Print where the UI shows our runs beside the paper's, after its address: what `make ui` opens."""
    mlflow.set_tracking_uri("sqlite:///mlruns/mlflow.db")
    experiment = mlflow.get_experiment_by_name("saga_kedro")
    print(view_address("", experiment.experiment_id).lstrip("/") if experiment else "")


if __name__ == "__main__":
    main()
