"""`saga plan`: from the options to the screen."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from saga_kedro.parameters import Parameters
from saga_kedro.pipelines.configuration import find_project, read_parameters, read_unit_costs
from saga_kedro.scale.costs import UnitCosts, amount, origin, unit, unit_costs
from saga_kedro.scale.sizes import PAPER_HOURS, Corpus, corpus_of_hours
from saga_kedro.scale.steps import Machines, Step, devices, global_batch, plan

PIPELINES = ("train", "audit")
ONE_BUDGET = "A run has one budget: --params audit.budget=<name>. Its trainings follow one another on one GPU."
DEMO_CLIP_S = 8.5  # saga_kedro/corpora/demo.py: clips of 5 to 12 s


def run(
    folder: Path, env: str, hours: float | None = None, gpus: int | None = None, nodes: int | None = None,
    cores: int | None = None, pipeline: str = "train",
) -> None:  # fmt: skip
    """Print the plan, its unit costs and its assumptions; the defaults are of the dataset, the configuration and this machine.

    Raises ValueError for a missing project, environment or corpus, and for a number out of range.
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
    if pipeline not in PIPELINES:
        raise ValueError(f"--pipeline is {pipeline}: give {' or '.join(PIPELINES)}.")
    if pipeline == "audit":
        from saga_kedro.audit.issues import read_catalogue
        from saga_kedro.scale.audit import plan_audit

        steps = plan_audit(parameters, costs, corpus, machines, read_catalogue(project / "conf/base/audit/issues.yml"))
    else:
        steps = plan(parameters, costs, corpus, machines)

    console = Console(highlight=False)
    each = f"{machines.gpus} GPU{'s' if machines.gpus > 1 else ''} and " if machines.gpus else ""
    place = f"{machines.nodes} nodes of " if machines.nodes > 1 else "one node of "
    size = f"{corpus.hours:,.0f}" if corpus.hours >= 100 else f"{corpus.hours:.4g}"
    console.print(f"[bold]{size} h of audio, conf/{env}, {place}{each}{machines.cores} cores[/]\n")
    console.print(_table(steps, total=pipeline == "train"))
    console.print("\nUnit costs, of conf/base/plan.yml:")
    console.print(_legend(steps, costs))
    console.print()
    for note in [ONE_BUDGET] if pipeline == "audit" else _notes(steps, parameters, corpus, machines):
        console.print(f"- {note}")


def _corpus(project: Path, parameters: Parameters, costs: UnitCosts, hours: float | None) -> Corpus:
    if hours is not None:
        return corpus_of_hours(hours, parameters, costs.corpus.clip_seconds)
    name = parameters.dataset_name
    manifest = project / "data/02_intermediate" / name / "manifest.parquet"
    if manifest.is_file():
        clips = pd.read_parquet(manifest, columns=["start_s", "end_s"])
        seconds = clips["end_s"] - clips["start_s"]
        return corpus_of_hours(float(seconds.sum()) / 3600, parameters, float(seconds.mean()))
    if parameters.ingest.source == "demo":
        return corpus_of_hours(parameters.ingest.demo_minutes / 60, parameters, DEMO_CLIP_S)
    raise ValueError(
        f"the dataset {name} is not ingested yet: say how many hours of audio there are with --hours "
        f"(the paper: {PAPER_HOURS})."
    )


def _machines(parameters: Parameters, costs: UnitCosts, gpus: int | None, nodes: int | None, cores: int | None) -> Machines:
    from joblib import cpu_count

    gpus = devices(parameters) if gpus is None else gpus
    if gpus is None:
        import torch

        gpus = torch.cuda.device_count()
    return Machines(nodes or parameters.fit.nodes, gpus, cores or (gpus * costs.gpu.cores if gpus else cpu_count()))


def _table(steps: Sequence[Step], total: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("step", "work"):
        table.add_column(column)
    for column in ("GPU time", "core time", "wall time", "disk"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("memory")
    for step in steps:
        table.add_row(step.name, step.words, *_figures([step]), step.memory)
    if total:
        table.add_section()
        table.add_row("all", "", *_figures(steps), "", style="bold")
    return table


def _figures(steps: Sequence[Step]) -> list[str]:
    hours = [sum(getattr(step, name) for step in steps) for name in ("gpu_hours", "core_hours", "wall_hours")]
    return [*map(_in_hours, hours), _in_bytes(sum(step.disk_bytes for step in steps))]


def _legend(steps: Sequence[Step], costs: UnitCosts) -> Table:
    """The unit costs that the steps depend on."""
    legend = Table(box=None, show_header=False, pad_edge=False)
    each = [(name, step.name.partition(":")[0]) for step in steps for name in step.costs]
    used = {name: ", ".join(dict.fromkeys(step for cost, step in each if cost == name)) for name, _ in each}
    for where in sorted({origin(costs, name) for name in used}, reverse=True):
        legend.add_row(f"[bold]{where}[/]")
        for name in sorted(name for name in used if origin(costs, name) == where):
            legend.add_row(f"  {name}", f"{amount(costs, name)} {unit(costs, name)}", used[name])
    return legend


def _notes(steps: Sequence[Step], parameters: Parameters, corpus: Corpus, machines: Machines) -> list[str]:
    """What the plan takes for granted."""
    said = [f"The originals come on top: {_in_bytes(corpus.hours * 3600 * 44_100 * 4)} as 16-bit stereo at 44.1 kHz."]
    if any(math.isnan(step.wall_hours) for step in steps):
        said.append("No unit cost is known of a step without a time: name --gpus, or another caption.source.")
    if (machines.all_gpus > 1 or machines.nodes > 1) and parameters.workers.engine == "processes":
        said.append("All GPUs and nodes before and after training need workers.engine=dask; training has its own processes.")
    fit, devices = parameters.fit, machines.all_gpus or 1
    accumulate, rest = divmod(global_batch(parameters), fit.batch_size * devices)
    if rest:
        said.append(
            f"{global_batch(parameters)} segments a step are no multiple of {devices} GPUs x fit.batch_size={fit.batch_size}: "
            "choose another fit.batch_size."
        )
    elif (accumulate, machines.nodes) != (fit.accumulate, fit.nodes) and machines.gpus:
        said.append(
            f"Training keeps its {global_batch(parameters)} segments a step with "
            f"--params fit.nodes={machines.nodes},fit.devices={machines.gpus},fit.accumulate={accumulate}."
        )
    return said


def _in_hours(hours: float) -> str:
    if math.isnan(hours):
        return "?"
    if not hours:
        return ""
    if hours * 60 < 1:
        return f"{hours * 3600:.2g} s"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _in_bytes(count: float) -> str:
    for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count / size:,.3g} {name}" if count < 1000 * size else f"{count / size:,.0f} {name}"
    return f"{count / 2**10:.3g} KiB" if count else ""
