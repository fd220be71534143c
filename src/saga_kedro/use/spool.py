"""Audio on disk: files too long for memory are decoded once and read in ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio
from saga_kedro.audio.resample import to_stereo
from saga_kedro.model.silence import SHORTEST, THRESHOLD

FRAMES_AT_ONCE = 1 << 18
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
# Times full scale: floats beyond it are broken, or were scaled like integers.
LOUDEST = 1_000.0


@dataclass
class Spool:
    """Raw float32 samples in a file, [samples, channels]."""

    path: Path
    channels: int  # 1 or 2
    samples: int = 0  # written so far, per channel
    peak: float = 0.0  # the largest magnitude

    def write(self, parts: Iterable[np.ndarray]) -> Spool:
        """Append parts, float32 [channels, n]. Raises FloatingPointError for values that are not finite, or absurd."""
        with open(self.path, "ab") as file:
            for part in parts:
                if not np.isfinite(part).all():
                    raise FloatingPointError("values that are not finite numbers")
                peak = float(np.abs(part).max(initial=0))
                if peak > LOUDEST:
                    raise FloatingPointError(f"values of {peak:.3g} times full scale")
                file.write(np.ascontiguousarray(part.T, dtype=np.float32).tobytes())
                self.samples += part.shape[-1]
                self.peak = max(self.peak, peak)
        return self

    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples [start, stop), float32 [channels, stop - start]; fewer at the end."""
        count = max(0, min(stop, self.samples) - start)
        raw = np.fromfile(self.path, np.float32, count * self.channels, offset=4 * self.channels * start)
        return np.ascontiguousarray(raw.reshape(-1, self.channels).T)

    def parts(self) -> Iterator[np.ndarray]:
        """All of it, one part after the other."""
        for start in range(0, self.samples, FRAMES_AT_ONCE):
            yield self.read(start, start + FRAMES_AT_ONCE)


@dataclass
class Source:
    """An input file that was decoded. Rate, channels and samples are the file's."""

    spool: Spool  # its audio at 44.1 kHz, mono or stereo
    path: Path
    rate: int
    channels: int
    samples: int
    subtype: str  # libsndfile's name of how samples are stored
    identical: bool  # whether the channels are the same throughout
    silent: list[list[tuple[int, int]]]  # per channel, the stretches of digital silence, in samples of the file

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate


def decode(path: Path, folder: Path) -> Source:
    """Decode a file, mix more than two channels to stereo, resample to 44.1 kHz, and keep that as a spool in ``folder``.

    Raises UnreadableAudio for a file that is missing, is no audio, is broken, is empty, or holds values that are not finite.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, subtype, of_file = file.samplerate, file.subtype, file.channels
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise UnreadableAudio(f"{path}: a rate of {rate} Hz is no audio's; the header is broken.")
            channels = min(of_file, 2)
            observed = _Observed(channels)
            spool = Spool(folder / "input.raw", channels)
            resampled = _resampled(observed.through(read_parts(file)), rate, SAMPLE_RATE, channels)
            spool.write(_of_length(resampled, lambda: round(observed.samples * SAMPLE_RATE / rate), channels))
    except FloatingPointError as error:
        raise UnreadableAudio(f"{path}: it holds {error}.") from error
    except UnreadableAudio:
        raise
    except (RuntimeError, ValueError) as error:
        reason = str(error).split(": ", 1)[-1].rstrip(".")
        raise UnreadableAudio(f"{path}: cannot be read as audio ({reason}).") from error
    if not observed.samples:
        raise UnreadableAudio(f"{path}: it holds no samples.")
    return Source(spool, path, rate, of_file, observed.samples, subtype, observed.identical, observed.silent())


def read_parts(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """The rest of an open file, as float32 [1 or 2, n]."""
    while True:
        part = file.read(FRAMES_AT_ONCE, dtype="float32", always_2d=True)
        if not len(part):
            return
        yield part.T if part.shape[1] <= 2 else to_stereo(part.T)


@dataclass
class _Observed:
    """Of audio that passes: its length, whether channels are the same, and where they are silent."""

    channels: int
    samples: int = 0
    identical: bool = True
    runs: list[list[tuple[int, int]]] = field(default_factory=list)

    def through(self, parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        self.runs = [[] for _ in range(self.channels)]
        for part in parts:
            self.identical = self.identical and np.array_equal(part[0], part[-1])
            for channel, runs in zip(part, self.runs, strict=True):
                edges = np.diff((np.abs(channel) < THRESHOLD).astype(np.int8), prepend=0, append=0)
                starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
                # only long runs, and those that may continue in the part before or after
                kept = (stops - starts >= SHORTEST) | (starts == 0) | (stops == len(channel))
                for start, stop in zip(starts[kept].tolist(), stops[kept].tolist(), strict=True):
                    self._add(runs, self.samples + start, self.samples + stop)
            self.samples += part.shape[-1]
            yield part

    def silent(self) -> list[list[tuple[int, int]]]:
        shortest = min(SHORTEST, self.samples)
        return [[(start, stop) for start, stop in runs if stop - start >= shortest] for runs in self.runs]

    @staticmethod
    def _add(runs: list[tuple[int, int]], start: int, stop: int) -> None:
        # a run continues across parts
        if runs and runs[-1][1] == start:
            start = runs.pop()[0]
        elif runs and runs[-1][1] - runs[-1][0] < SHORTEST:
            runs.pop()
        runs.append((start, stop))


def _resampled(parts: Iterable[np.ndarray], rate_in: int, rate_out: int, channels: int) -> Iterator[np.ndarray]:
    """`audio.resample.resample`, part by part."""
    if rate_in == rate_out:
        yield from parts
        return
    stream: Any = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32", quality="VHQ")
    for part in parts:
        done = stream.resample_chunk(np.ascontiguousarray(part.T))
        yield done.reshape(-1, channels).T
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True).reshape(-1, channels).T


def _of_length(parts: Iterable[np.ndarray], samples: Callable[[], int], channels: int) -> Iterator[np.ndarray]:
    """Parts cut or filled with zeros to ``samples()``, which is called after the last part."""
    held: np.ndarray | None = None
    written = 0
    for part in parts:
        if held is not None:
            written += held.shape[-1]
            yield held
        held = part
    short = samples() - written
    held = np.zeros((channels, 0), np.float32) if held is None else held
    yield np.pad(held[:, :short], ((0, 0), (0, max(0, short - held.shape[-1]))))


def at_own_rate(source: Source, high: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The input at its rate above 44.1 kHz, with what the result ``high`` adds at 44.1 kHz; both [channels, n] part by part."""
    low = source.spool

    def added() -> Iterator[np.ndarray]:
        done = 0
        for part in high:
            yield part - low.read(done, done + part.shape[-1])
            done += part.shape[-1]

    up = _of_length(_resampled(added(), SAMPLE_RATE, source.rate, low.channels), lambda: source.samples, low.channels)
    done = 0
    held = np.zeros((low.channels, 0), np.float32)
    with soundfile.SoundFile(str(source.path)) as file:
        for part in read_parts(file):
            while held.shape[-1] < part.shape[-1]:
                held = np.concatenate([held, next(up)], axis=1)
            out = part + held[:, : part.shape[-1]]
            held = held[:, part.shape[-1] :]
            for channel, runs in zip(out, source.silent, strict=True):
                for start, stop in runs:
                    channel[max(0, start - done) : max(0, stop - done)] = 0
            done += part.shape[-1]
            yield out
