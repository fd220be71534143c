"""One file in, one file out."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import frame_powers, measure_bandwidth
from saga_kedro.audio.full_scale import as_24_bit, decibels, gain_for, limited, limits
from saga_kedro.audio.resample import to_stereo
from saga_kedro.model.super_resolver import SuperResolver
from saga_kedro.model.treatment import treatment
from saga_kedro.use.places import FORMATS, Job, format_of
from saga_kedro.use.settings import Settings
from saga_kedro.use.spool import Source, Spool, at_rate, decode, read_parts
from saga_kedro.use.tags import info_of, read_tags, write_tags

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

UNFINISHED = ".saga-unfinished-"
RIFF_BYTES = 4_000_000_000  # a WAV's header counts to 4 GiB
FLAC_EFFORT = 0.25  # of libsndfile's: 3 % more bytes than by default, in two thirds of the time
SPEECH_AND_VIDEO = 48_000  # Hz, the highest rate of that family: 8, 16, 24, 32 and 48 kHz
HIGHEST_RATE = {"flac": 655_350, "ogg": 200_000, "wav": 1_000_000}


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    input: str
    output: str  # empty if nothing was written
    status: Literal["super-resolved", "left as it is", "would be super-resolved", "would be left as it is", "failed"]
    why: str  # half a sentence: what was measured, or what went wrong
    notes: list[str] = field(default_factory=list)
    cutoff_hz: float | None = None  # below it the result is the input; None if all of it is
    duration_s: float = 0.0  # of the audio
    seconds: float = 0.0  # that it took


def super_resolve_file(
    model: SuperResolver | None, job: Job, settings: Settings, advance: Callable[[float], Any] = lambda seconds: None
) -> Outcome:
    """Super-resolve a file of any length; without a model, only measure it (a dry run).

    The result is whole or absent, and errors are part of the outcome. ``advance`` is called with finished seconds of audio.
    """
    began = time.perf_counter()
    if job.problem:
        return Outcome(str(job.source), "", "failed", job.problem)
    try:
        with _unfinished(job.target.parent if model else None) as folder:
            outcome = _process(model, job, settings, folder, advance)
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        why = str(error) or type(error).__name__
        return Outcome(str(job.source), "", "failed", why if str(job.source) in why else f"{job.source}: {why}")
    return replace(outcome, seconds=round(time.perf_counter() - began, 3))


def _process(
    model: SuperResolver | None, job: Job, settings: Settings, folder: Path, advance: Callable[[float], Any]
) -> Outcome:
    source = decode(job.source, folder)
    spool = source.spool
    mix = model.channels if model else to_stereo

    def read(start: int, stop: int) -> Any:
        return mix(spool.read(start, stop))

    measured = measure_bandwidth(frame_powers(read, spool.samples, without_clipping=True), SAMPLE_RATE)
    todo = treatment(measured, source.rate, settings.cutoff_hz)
    status: Any = "left as it is" if todo.cutoff_hz is None else "super-resolved"
    status = status if model else f"would be {status}"
    mixed = [f"its {source.channels} channels were mixed to two"] if source.channels > 2 else []
    cutoff_hz, duration_s = todo.cutoff_hz and round(todo.cutoff_hz, 1), round(source.duration_s, 3)
    outcome = Outcome(str(job.source), str(job.target), status, todo.why, mixed, cutoff_hz, duration_s)
    if model is None:
        return outcome
    rate = rate_of(settings.rate, source.rate)
    if todo.cutoff_hz is None and source.rate == rate and not settings.gain_db:
        target, notes = _leave(job, source, settings, folder)
        advance(source.duration_s)
        return replace(outcome, output=str(target), notes=mixed + notes)
    stream = model.stream(read, spool.samples, todo, source.identical, settings, advance)
    high = (part[: spool.channels] for part in stream)
    result = Spool(folder / "output.raw", spool.channels)
    try:
        at_level = np.float32(10 ** (settings.gain_db / 20))
        result.write(part * at_level for part in (high if rate == SAMPLE_RATE else at_rate(source, rate, high)))
    except FloatingPointError as error:
        raise ValueError(f"{source.path}: the result holds {error}: try other guidance scales, or other weights.") from error
    notes = _finish(job.target, format_of(job.target), result, rate, source, folder, settings)
    return replace(outcome, notes=mixed + notes)


def rate_of(asked: int | None, own: int) -> int:
    """The rate in Hz of the result of a file at ``own`` Hz."""
    return asked or max(own, SAMPLE_RATE if own % 8_000 else SPEECH_AND_VIDEO)


def _leave(job: Job, source: Source, settings: Settings, folder: Path) -> tuple[Path, list[str]]:
    """Copy the file, or write it in another format if one was asked for."""
    own = FORMATS.get(job.source.suffix.lower(), job.source.suffix.lower().lstrip("."))
    if settings.form in (None, own):
        target = job.target.with_name(job.source.name)
        if target != job.target and target.exists() and not job.overwrite:
            raise ValueError(f"{target} is there already: --overwrite replaces it.")
        copy = folder / target.name
        shutil.copyfile(job.source, copy)
        copy.replace(target)
        return target, []
    result = Spool(folder / "output.raw", source.spool.channels)
    with soundfile.SoundFile(str(job.source)) as file:
        result.write(read_parts(file))
    return job.target, _finish(job.target, settings.form or own, result, source.rate, source, folder, settings)


def _finish(target: Path, form: str, result: Spool, rate: int, source: Source, folder: Path, settings: Settings) -> list[str]:
    """Encode the result, move it to its place and return notes. Floats in a WAV stay floats; others become 24 bit."""
    if rate > HIGHEST_RATE[form]:
        raise ValueError(f"{form} holds at most {HIGHEST_RATE[form]} Hz and this is {rate} Hz: ask for --format wav.")
    keep = settings.level == "keep" and result.peak > 1
    if keep and form != "wav":
        raise ValueError(f"{form} holds nothing over full scale: ask for --format wav, or for --level limit.")
    floats = form == "wav" and (keep or source.subtype in ("FLOAT", "DOUBLE"))
    subtype = "VORBIS" if form == "ogg" else "FLOAT" if floats else "PCM_24"
    container = ("RF64" if result.samples * result.channels * 4 > RIFF_BYTES else "WAV") if form == "wav" else form.upper()
    effort = FLAC_EFFORT if form == "flac" else None
    keep = keep or (floats and source.spool.peak > 1 and settings.level != "limit")
    lowest = 1.0 if keep else gain_for(result.peak)
    parts: Iterable[np.ndarray] = result.parts()
    if lowest < 1 and settings.level == "limit":
        gains = limits(result.parts())
        parts, lowest = limited(parts, gains), float(gains.min())
    elif lowest < 1:
        parts = (part * np.float32(lowest) for part in parts)
    path, tags = folder / target.name, read_tags(source.path)
    with soundfile.SoundFile(
        str(path), "w", rate, result.channels, subtype, format=container, compression_level=effort
    ) as file:
        for name, text in info_of(tags).items() if container == "WAV" else ():
            setattr(file, name, text)
        for part in parts:
            file.write((as_24_bit(part) if subtype == "PCM_24" else part).T)
    if container != "RF64":
        write_tags(path, form, tags)
    path.replace(target)
    how = "its peaks limited" if settings.level == "limit" else "lowered"
    return [f"{how} by {-decibels(lowest):.1f} dB, or it would clip"] if lowest < 1 else []


@contextmanager
def _unfinished(beside: Path | None) -> Iterator[Path]:
    """A temporary folder, on the disk of the result; those of killed processes are removed there."""
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with _alone(beside):
            folder = held.enter_context(tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=beside))
            held.enter_context(_alone(folder))
            for other in Path(beside).glob(f"{UNFINISHED}*") if beside and fcntl else ():
                with suppress(OSError), _alone(other, wait=False):
                    shutil.rmtree(other, ignore_errors=True)
        yield Path(folder)


@contextmanager
def _alone(folder: str | Path | None, wait: bool = True) -> Iterator[None]:
    """Hold a folder's flock(2), which ends with the process. OSError if it is not to wait and another process has it."""
    if folder is None or fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError) if wait else nullcontext():  # there are file systems without locks
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)
