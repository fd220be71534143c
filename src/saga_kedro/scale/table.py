"""`saga plan`: the plan as a screen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saga_kedro.parameters import Parameters
from saga_kedro.scale.costs import UnitCosts, amount, origin, unit
from saga_kedro.scale.sizes import Corpus
from saga_kedro.scale.steps import Machines, Step, global_batch


def report(
    steps: Sequence[Step], parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines, env: str
) -> None:
    """Print the plan, the unit costs that it depends on, and what it takes for granted."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    gpus = f"{machines.gpus} GPU{'s' if machines.gpus > 1 else ''} and " if machines.gpus else ""
    nodes = f"{machines.nodes} nodes of " if machines.nodes > 1 else "one node of "
    console.print(f"[bold]{_count(corpus.hours)} h of audio, conf/{env}, {nodes}{gpus}{machines.cores} cores[/]\n")
    table = Table(box=None, pad_edge=False)
    for column in ("step", "work"):
        table.add_column(column)
    for column in ("GPU time", "core time", "wall time", "disk"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("memory")
    for step in steps:
        table.add_row(step.name, step.work, *_figures([step]), step.memory)
    table.add_section()
    table.add_row("all", "", *_figures(steps), "", style="bold")
    console.print(table)
    console.print("\nUnit costs, of conf/base/plan.yml:")
    legend = Table(box=None, show_header=False, pad_edge=False)
    used = {name: ", ".join(step.name for step in steps if name in step.costs) for step in steps for name in step.costs}
    for where in sorted({origin(costs, name) for name in used}, reverse=True):
        legend.add_row(f"[bold]{where}[/]")
        for name in sorted(name for name in used if origin(costs, name) == where):
            legend.add_row(f"  {name}", f"{amount(costs, name)} {unit(costs, name)}", used[name])
    console.print(legend)
    console.print()
    for note in notes(steps, parameters, corpus, machines):
        console.print(f"- {note}")


def notes(steps: Sequence[Step], parameters: Parameters, corpus: Corpus, machines: Machines) -> list[str]:
    """What the plan takes for granted."""
    said = [f"The originals come on top: {in_bytes(corpus.hours * 3600 * 44_100 * 4)} as 16-bit stereo at 44.1 kHz."]
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


def _figures(steps: Sequence[Step]) -> list[str]:
    hours = [sum(getattr(step, name) for step in steps) for name in ("gpu_hours", "core_hours", "wall_hours")]
    return [*map(in_hours, hours), in_bytes(sum(step.disk_bytes for step in steps))]


def _count(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.4g}"


def in_hours(hours: float) -> str:
    if math.isnan(hours):
        return "?"
    if not hours:
        return ""
    if hours * 60 < 1:
        return f"{hours * 3600:.2g} s"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def in_bytes(count: float) -> str:
    for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if count >= size:
            return f"{count / size:,.3g} {name}" if count < 1000 * size else f"{count / size:,.0f} {name}"
    return f"{count / 2**10:.3g} KiB" if count else ""
