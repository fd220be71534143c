"""`saga super-resolve`: many files, their progress, and the report of what became of them."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saga_kedro.use.places import Job, find_jobs
from saga_kedro.use.settings import Settings

DONE, SOME_FAILED = 0, 1


class WrongUsage(ValueError):
    """What is asked for cannot be done for any file."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for; see `saga super-resolve --help`."""

    inputs: Sequence[Path]
    out: Path
    settings: Settings
    device: str
    model: Path | None
    overwrite: bool
    dry_run: bool
    json: bool


def run(request: Request) -> int:
    """Do what is asked for; every file by itself.

    Returns:
        0, or 1 where some files failed.

    Raises:
        WrongUsage: no model, no such device, or a setting out of range: nothing is done then.
    """
    if request.out.exists() and not request.out.is_dir():
        raise WrongUsage(f"{request.out} is a file: --out names a folder.")
    settings = replace(request.settings, cutoff_hz=_cutoff(request.settings.cutoff_hz))
    jobs = find_jobs(request.inputs, request.out, settings.form, request.overwrite)
    from saga_kedro.use.one_file import super_resolve_file

    model = None if request.dry_run else load(request.model, request.device)
    with ended_politely(), _progress(jobs, hidden=request.json) as progress:
        outcomes = []
        for job in jobs:
            with progress.file(job) as advance:
                outcomes.append(super_resolve_file(model, job, settings, advance))
            if not request.json:
                progress.say(sentence(outcomes[-1]), failed=outcomes[-1].status == "failed")
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    if request.json:
        print(json.dumps({"files": [o.as_dict() for o in outcomes], "failed": failed, "dry_run": request.dry_run}, indent=2))
    elif len(jobs) > 1:
        print(f"{len(jobs) - failed} of {len(jobs)} files done" + (f", {failed} failed." if failed else "."))
    return SOME_FAILED if failed else DONE


def load(model: Path | None, device: str) -> Any:
    """The model, or a sentence on why there is none.

    Raises:
        WrongUsage: no such device; no model in that folder, or one that does not load.
    """
    from saga_kedro.model.loading import load_model

    try:
        return load_model(model, device)
    except (OSError, ValueError) as error:
        raise WrongUsage(str(error)) from error


def sentence(outcome: Any) -> str:
    """An outcome, for people."""
    if outcome.status == "failed":
        return f"failed: {outcome.why}"
    arrow = f" -> {outcome.output}" if not outcome.status.startswith("would") else ""
    took = f"; {outcome.duration_s:.1f} s of audio in {outcome.seconds:.1f} s" if arrow else ""
    return f"{outcome.input}{arrow}: {'; '.join([f'{outcome.status} ({outcome.why})', *outcome.notes])}{took}"


def _cutoff(cutoff_hz: float | None) -> float | None:
    from saga_kedro.audio.bandwidth import Bandwidth
    from saga_kedro.model.treatment import treatment

    try:
        treatment(Bandwidth(0.0, "silent"), asked_hz=cutoff_hz)
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    return cutoff_hz


@contextmanager
def ended_politely() -> Any:
    """A polite kill (SIGTERM) within the block ends like Ctrl-C: what is not finished is removed."""

    def stop(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Bar:
    """Seconds of audio done, of all files together, with the time left."""

    def __init__(self, progress: Any, jobs: Sequence[Job]) -> None:
        self.progress = progress
        self.seconds = {job.source: _duration(job) for job in jobs}
        self.task = progress.add_task("", total=sum(self.seconds.values()) or None)

    @contextmanager
    def file(self, job: Job) -> Any:
        self.progress.update(self.task, description=job.source.name)
        before = self.progress.tasks[0].completed
        yield lambda seconds: self.progress.advance(self.task, seconds)
        self.progress.update(self.task, completed=before + self.seconds[job.source])

    def say(self, line: str, failed: bool) -> None:
        print(line, file=sys.stderr if failed else sys.stdout, flush=True)


@contextmanager
def _progress(jobs: Sequence[Job], hidden: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        yield _Bar(progress, jobs)


def _duration(job: Job) -> float:
    """What the header says; 0 where there is none."""
    from saga_kedro.audio.io import UnreadableAudio, audio_info

    with suppress(UnreadableAudio, ZeroDivisionError):
        return 0.0 if job.problem else audio_info(job.source).duration_s
    return 0.0
