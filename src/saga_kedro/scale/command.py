"""`saga plan`: from the options to the table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saga_kedro.parameters import Parameters
from saga_kedro.pipelines.configuration import find_project, read_parameters, read_unit_costs
from saga_kedro.scale.costs import UnitCosts, unit_costs
from saga_kedro.scale.sizes import PAPER_HOURS, Corpus, corpus_of_hours, corpus_of_manifest
from saga_kedro.scale.steps import Machines, devices, plan
from saga_kedro.scale.table import report

MINUTES = 60
DEMO_CLIP_S = 8.5  # saga_kedro/corpora/demo.py: clips of 5 to 12 s


def run(
    folder: Path, env: str, hours: float | None = None, gpus: int | None = None, nodes: int | None = None,
    cores: int | None = None,
) -> None:  # fmt: skip
    """Print the plan; a ValueError for no project, environment or corpus, or a number that counts nothing.

    None is what was ingested (or the demo), and what the configuration or this machine says.
    """
    for name, value, least in (("hours", hours, 0), ("gpus", gpus, -1), ("nodes", nodes, 0), ("cores", cores, 0)):
        if value is not None and not least < value < float("inf"):
            raise ValueError(f"--{name} is {value:g}: give a number {'from 0 on' if least < 0 else 'above 0'}.")
    project = find_project(folder)
    if project is None:
        raise ValueError(f"there is no project at {folder}: name the folder with --project.")
    if not (project / "conf" / env / "parameters.yml").is_file() and env != "local":
        known = sorted(path.parent.name for path in (project / "conf").glob("*/parameters.yml"))
        raise ValueError(f"there is no environment {env!r}: conf/ has {', '.join(known)}.")
    parameters, costs = read_parameters(project, env), unit_costs(read_unit_costs(project, env))
    corpus = _corpus(project, parameters, costs, hours)
    machines = _machines(parameters, costs, gpus, nodes, cores)
    report(plan(parameters, costs, corpus, machines), parameters, costs, corpus, machines, env)


def _corpus(project: Path, parameters: Parameters, costs: UnitCosts, hours: float | None) -> Corpus:
    if hours is not None:
        return corpus_of_hours(hours, parameters, costs.corpus.clip_seconds)
    name = parameters.dataset_name
    manifest = project / "data/02_intermediate" / name / "manifest.parquet"
    if manifest.is_file():
        return corpus_of_manifest(pd.read_parquet(manifest, columns=["start_s", "end_s", "split"]), parameters)
    if parameters.ingest.source == "demo":
        return corpus_of_hours(parameters.ingest.demo_minutes / MINUTES, parameters, DEMO_CLIP_S)
    raise ValueError(
        f"nothing of the dataset {name} is ingested yet: say how many hours of audio there are with --hours "
        f"(the paper: {PAPER_HOURS})."
    )


def _machines(parameters: Parameters, costs: UnitCosts, gpus: int | None, nodes: int | None, cores: int | None) -> Machines:
    from joblib import cpu_count

    gpus = devices(parameters) if gpus is None else gpus
    if gpus is None:
        import torch

        gpus = torch.cuda.device_count()
    return Machines(nodes or parameters.fit.nodes, gpus, cores or (gpus * costs.gpu.cores if gpus else cpu_count()))
