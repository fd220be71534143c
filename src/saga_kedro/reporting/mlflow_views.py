"""What MLflow's UI shows first: the experiment's description, the paper's runs, and a saved view with columns to compare.

A saved view is a tag of the experiment, ``mlflow.sharedViewState.<key>``: an envelope around what the UI of MLflow 3.17 changes
of its defaults. A UI that does not know it shows its ordinary columns.
"""

from __future__ import annotations

import json
import logging

import mlflow
import pandas as pd
from mlflow import MlflowClient

from saga_kedro.locks import store_lock
from saga_kedro.reporting.paper_runs import NOTE, log_paper_runs
from saga_kedro.reporting.targets import checked_targets, paper_table

logger = logging.getLogger(__name__)

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
    """Write the paper's systems as runs named `paper: SAGA-SR`, and set up the experiment's page; existing ones stay.

    Args:
        paper_targets: the paper's tables.
        mlflow_experiment: name of the experiment that our runs are in.

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


def main() -> None:
    """Print where the UI shows our runs beside the paper's, after its address: what `make ui` opens."""
    mlflow.set_tracking_uri("sqlite:///mlruns/mlflow.db")
    experiment = mlflow.get_experiment_by_name("saga_kedro")
    print(view_address("", experiment.experiment_id).lstrip("/") if experiment else "")


if __name__ == "__main__":
    main()
