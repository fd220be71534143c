"""The paper's tables as MLflow runs beside ours: tick two boxes in the UI, and they are compared."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from saga_kedro.reporting.targets import TARGET, PaperRun, paper_runs

SYSTEM = "paper.system"
NAME, NOTE = "mlflow.runName", "mlflow.note.content"
# of the paper's first version, in ms: sorted by time, its runs stand behind ours
PUBLISHED = int(datetime(2025, 9, 29, tzinfo=UTC).timestamp() * 1000)


def log_paper_runs(targets: pd.DataFrame, experiment_id: str) -> pd.DataFrame:
    """Write every system of the paper's tables as a run named ``paper: SAGA-SR``; a run that says the same stays.

    Args:
        targets: of `targets.checked_targets`.
        experiment_id: where our own runs are.

    Returns:
        Columns system, run_name, run_id, metrics (how many), written: ``new``, ``changed`` or ``as it was``.
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
        lines.append((paper_run.system, paper_run.name, run.info.run_id, len(paper_run.metrics), written))
    return pd.DataFrame(lines, columns=["system", "run_name", "run_id", "metrics", "written"])


def _says(run: Run, paper_run: PaperRun) -> bool:
    same_words = (run.info.run_name, run.data.tags.get(NOTE)) == (paper_run.name, paper_run.description)
    return same_words and run.data.metrics == paper_run.metrics


def _write(client: MlflowClient, run: Run, paper_run: PaperRun) -> None:
    known = run.data.metrics
    new = [Metric(name, value, PUBLISHED, 0) for name, value in paper_run.metrics.items() if known.get(name) != value]
    tags = {SYSTEM: paper_run.system, NAME: paper_run.name, NOTE: paper_run.description}
    client.log_batch(run.info.run_id, metrics=new, tags=[RunTag(name, value) for name, value in tags.items()])
    client.set_terminated(run.info.run_id, end_time=run.info.start_time)
