"""`saga super-resolve`: many files, their progress, and a report."""

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saga_kedro.use.places import Job, find_jobs
from saga_kedro.use.settings import Settings


class WrongUsage(ValueError):
    """No file can be processed with these options."""


def run(
    inputs: Sequence[Path],
    out: Path,
    settings: Settings,
    device: str = "cpu",
    model: Path | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Super-resolve files one by one, see `saga super-resolve --help`; returns 0, or 1 if some files failed.

    Raises WrongUsage before any work if there is no model or device, or a setting is out of range.
    """
    from saga_kedro.model.treatment import check_cutoff
    from saga_kedro.use.one_file import super_resolve_file

    if out.exists() and not out.is_dir():
        raise WrongUsage(f"{out} is a file: --out names a folder.")
    try:
        check_cutoff(settings.cutoff_hz)
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    jobs = find_jobs(inputs, out, settings.form, overwrite)
    loaded = None if dry_run else load(model, device)
    outcomes = []
    with ended_politely(), _progress(jobs, hidden=as_json) as file_begins:
        for job in jobs:
            outcomes.append(super_resolve_file(loaded, job, settings, file_begins(job)))
            if not as_json:
                print(sentence(outcomes[-1]), file=sys.stderr if outcomes[-1].status == "failed" else sys.stdout, flush=True)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    if as_json:
        print(json.dumps({"files": [asdict(one) for one in outcomes], "failed": failed, "dry_run": dry_run}, indent=2))
    elif len(jobs) > 1:
        print(f"{len(jobs) - failed} of {len(jobs)} files done" + (f", {failed} failed." if failed else "."))
    return int(failed > 0)


def load(model: Path | None, device: str) -> Any:
    """Load a model; WrongUsage if there is no such device or model."""
    from saga_kedro.model.loading import load_model

    try:
        return load_model(model, device)
    except (OSError, ValueError) as error:
        raise WrongUsage(str(error)) from error


def sentence(outcome: Any) -> str:
    """An outcome in words."""
    if outcome.status == "failed":
        return f"failed: {outcome.why}"
    arrow = f" -> {outcome.output}" if not outcome.status.startswith("would") else ""
    took = f"; {outcome.duration_s:.1f} s of audio in {outcome.seconds:.1f} s" if arrow else ""
    return f"{outcome.input}{arrow}: {'; '.join([f'{outcome.status} ({outcome.why})', *outcome.notes])}{took}"


@contextmanager
def ended_politely() -> Any:
    """SIGTERM within the block ends it like Ctrl-C: unfinished files are removed."""

    def stop(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(jobs: Sequence[Job], hidden: bool) -> Any:
    """A bar over the seconds of all files; yields a function that begins a job and returns its ``advance``."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeRemainingColumn())
    seconds = [duration_of(job) for job in jobs]
    with Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal) as progress:
        task = progress.add_task("", total=sum(seconds) or None)

        def begin(job: Job) -> Any:
            progress.update(task, description=job.source.name, completed=sum(seconds[: jobs.index(job)]))
            return lambda done: progress.advance(task, done)

        yield begin


def duration_of(job: Job) -> float:
    """Seconds by the file's header; 0 if it cannot be read."""
    from saga_kedro.audio.io import UnreadableAudio, audio_info

    try:
        return 0.0 if job.problem else audio_info(job.source).duration_s
    except (UnreadableAudio, ZeroDivisionError):
        return 0.0
