"""`saga doctor`: what this machine can run, which parts are missing, and how to get them."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saga_kedro.parameters import WITHOUT_PATH, Parameters
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.scale.sizes import GIB, training_bytes
from saga_kedro.weights import needed


@dataclass(frozen=True)
class Finding:
    """One check. ``state`` is ``ok``, ``missing`` (something does not run without it) or ``note``."""

    what: str
    state: str
    found: str
    remedy: str = ""


def examine(project: Path, parameters: Parameters) -> list[Finding]:
    """All checks, of a project's folder and the parameters of the environment that should run."""
    return [
        *machine(training_bytes(read_parameters(project, "paper").model)),
        *weights(project, parameters),
        *corpora(project, parameters),
    ]


def machine(needed_bytes: float) -> Iterator[Finding]:
    """Python, libraries, memory and GPUs, compared with what a training of conf/paper needs on each."""
    import psutil
    import torch

    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    yield Finding("Python", "ok" if right else "missing", version, "" if right else "Make .venv with Python 3.11: `make test`.")
    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("memory", "ok", f"{memory.available / GIB:.0f} of {memory.total / GIB:.0f} GiB free, {cores} CPU cores")
    needed = needed_bytes / GIB
    if not torch.cuda.is_available():
        yield Finding(
            "GPU",
            "note",
            "none that torch sees",
            f"conf/base needs no GPU. conf/paper: over {needed:.0f} GiB each, or smaller ones with fit.strategy=fsdp.",
        )
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        enough = gpu.total_memory / GIB > needed
        remedy = "" if enough else f"For conf/paper, {needed:.0f} GiB and more: share it out with fit.strategy=fsdp."
        yield Finding(f"GPU {index}", "ok" if enough else "note", f"{gpu.name}, {gpu.total_memory / GIB:.0f} GiB", remedy)


def weights(project: Path, parameters: Parameters) -> Iterator[Finding]:
    """Every set of pretrained weights that the configuration needs: its place, and whether it is complete."""
    said = set()
    for wanted, path in needed(parameters):
        place = None if path is None else project / path
        name = wanted.what.removeprefix("The ").split(",")[0].replace("autoencoder", "VAE")  # a table has little room
        if (place and place.is_file()) or not wanted.absent(place):
            yield Finding(name, "ok", str(path))
            continue
        # one download may serve two purposes
        remedy = "" if (wanted.source, path) in said else wanted.sentence(path)
        said.add((wanted.source, path))
        yield Finding(name, "missing", f"looked for in {path}", remedy)


def corpora(project: Path, parameters: Parameters) -> Iterator[Finding]:
    """The configured source."""
    from saga_kedro.corpora.layouts import LAYOUTS

    source, path = parameters.ingest.source, parameters.ingest.path
    if source in WITHOUT_PATH:
        tools = {"debian": "apt-get", "git": "git"}
        needed = [tool for part, tool in tools.items() if part in source.split("+")]
        yield Finding(f"corpus {source}", "ok", f"downloaded with {' and '.join(needed)}" if needed else "made here")
    elif source == "collection":
        there = [name for name in LAYOUTS if (project / str(path) / name).is_dir()]
        absent = [name for name in LAYOUTS if name not in there]
        remedy = f"Unpack corpora below {path}, each into a folder with its name: {', '.join(absent)}." if absent else ""
        found = f"{', '.join(there) or 'none'} of {len(LAYOUTS)}, looked for in {path}"
        yield Finding("corpora", "missing" if not there else "note" if absent else "ok", found, remedy)
    else:
        is_there = (project / str(path)).is_dir()
        remedy = "" if is_there else f"Put the audio into {path}, or let ingest.path name its folder."
        yield Finding(f"corpus {source}", "ok" if is_there else "missing", str(path), remedy)


def report(findings: list[Finding], env: str, width: int | None = None) -> None:
    """Print what was found, what to do, and what runs here."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=width, highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    signs = {"ok": "[green]✓[/]", "missing": "[red]✗[/]", "note": "[yellow]![/]"}
    for finding in findings:
        table.add_row(signs[finding.state], finding.what, finding.found)
    console.print(table)
    remedies = list(dict.fromkeys(finding.remedy for finding in findings if finding.remedy))
    if remedies:
        console.print("\nTo do:")
    for remedy in remedies:
        console.print(f"- {remedy}")
    missing = [finding.what for finding in findings if finding.state == "missing"]
    console.print()
    console.print("[green]conf/base runs here:[/] `make train`, or `kedro run --pipeline train`.")
    if env != "base" and missing:
        console.print(f"[red]conf/{env} does not run here yet:[/] {', '.join(missing)}.")
    elif env != "base":
        console.print(f"[green]conf/{env} runs here:[/] `kedro run --env {env} --pipeline train`.")
