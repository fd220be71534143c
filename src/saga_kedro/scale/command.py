"""`saga plan`: from what was asked to what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.configuration import dataset_name, find_project, read_parameters, read_unit_costs
from saga_kedro.parameters import Parameters, validate
from saga_kedro.scale.costs import UnitCosts, amount, unit, unit_costs
from saga_kedro.scale.sizes import PAPER_HOURS, Corpus, corpus_of_hours, corpus_of_manifest
from saga_kedro.scale.steps import Machines, plan
from saga_kedro.scale.table import report

MINUTES = 60
DEMO_CLIP_S = 8.5  # saga_kedro/corpora/demo.py: clips of 5 to 12 s


def run(
    folder: Path,
    env: str,
    hours: float | None = None,
    gpus: int | None = None,
    nodes: int | None = None,
    cores: int | None = None,
    measure: bool = False,
) -> None:
    """Print the plan.

    Args:
        folder: the project, or a folder in it.
        env: a folder of conf/.
        hours: of audio; None is what was ingested, or the demo.
        gpus, nodes, cores: None is what the configuration or this machine says.
        measure: time the unit costs first.

    Raises:
        ValueError: no project, environment or corpus, or a number that is none of things.
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
    values = read_parameters(project, env)
    parameters, costs = validate(values), unit_costs(read_unit_costs(project, env))
    corpus = _corpus(project, values, costs, hours)
    machines = _machines(parameters, costs, gpus, nodes, cores)
    fresh: list[str] = []
    if measure:
        from saga_kedro.scale.measure import measure as time_costs

        costs, fresh = time_costs(parameters, costs)
    report(plan(parameters, costs, corpus, machines), parameters, costs, corpus, machines, env, fresh)
    if fresh:
        print("\nMeasured just now; conf/base/plan.yml keeps it:")
        for name in fresh:
            print(f"  {name}: {amount(costs, name)}  # {unit(costs, name)}")


def _corpus(project: Path, values: dict[str, Any], costs: UnitCosts, hours: float | None) -> Corpus:
    if hours is not None:
        return corpus_of_hours(hours, values, costs.corpus.clip_seconds)
    name, ingest = dataset_name(values), values["ingest"]
    manifest = project / "data/02_intermediate" / name / "manifest.parquet"
    if manifest.is_file():
        return corpus_of_manifest(pd.read_parquet(manifest, columns=["start_s", "end_s", "split"]), values)
    if ingest["source"] == "demo":
        return corpus_of_hours(ingest["demo_minutes"] / MINUTES, values, DEMO_CLIP_S)
    raise ValueError(
        f"nothing of the dataset {name} is ingested yet: say how many hours of audio there are with --hours "
        f"(the paper: {PAPER_HOURS})."
    )


def _machines(parameters: Parameters, costs: UnitCosts, gpus: int | None, nodes: int | None, cores: int | None) -> Machines:
    from joblib import cpu_count

    fit = parameters.fit
    if gpus is None:
        gpus = len(fit.devices) if isinstance(fit.devices, list) else fit.devices if isinstance(fit.devices, int) else -1
    if gpus < 0:
        import torch

        gpus = torch.cuda.device_count()
    return Machines(nodes or fit.nodes, gpus, cores or (gpus * costs.gpu.cores if gpus else cpu_count()))
