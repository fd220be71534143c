"""Audio on disk: a file of any length is decoded once, and read in ranges."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile
import soxr

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, unreadable
from saga_kedro.audio.resample import to_stereo
from saga_kedro.model.silence import SHORTEST, THRESHOLD

FRAMES_AT_ONCE = 1 << 18
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
LOUDEST = 1_000.0  # times full scale: louder floats are broken, or were scaled like integers


@dataclass
class Spool:
    """Raw float32 samples in a file, [samples, channels]."""

    path: Path
    channels: int  # 1 or 2
    samples: int = 0  # written so far, per channel
    peak: float = 0.0  # the largest magnitude

    def write(self, parts: Iterable[np.ndarray]) -> Self:
        """Append parts, float32 [channels, n]. Raises FloatingPointError for values that are not finite or are absurd."""
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
        """All of it, part by part."""
        for start in range(0, self.samples, FRAMES_AT_ONCE):
            yield self.read(start, start + FRAMES_AT_ONCE)


@dataclass
class Source:
    """A decoded input. Rate, channels and samples are the file's."""

    spool: Spool  # its audio at 44.1 kHz, mono or stereo
    path: Path
    rate: int
    channels: int
    samples: int
    subtype: str  # libsndfile's name of how samples are stored
    identical: bool  # whether its channels are the same
    silent: list[list[tuple[int, int]]]  # per channel, stretches of digital silence in the file's samples

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate


def decode(path: Path, folder: Path) -> Source:
    """Decode a file, mix more than two channels to stereo, resample to 44.1 kHz, and keep the result in ``folder``.

    Raises UnreadableAudio if the file is missing, broken or empty, is not audio, or holds values that are not finite.
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
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableAudio(unreadable(path, error)) from error
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


class _Observed:
    """Of audio that passes: its length, whether its channels are the same, and where they are silent."""

    def __init__(self, channels: int) -> None:
        self.samples, self.identical = 0, True
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(channels)]
        self._begun = [np.zeros(0, int)] * channels  # where a run begins that the next part continues

    def through(self, parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for part in parts:
            self.identical = self.identical and np.array_equal(part[0], part[-1])
            for number, channel in enumerate(part):
                flips = np.diff(np.abs(channel) < THRESHOLD, prepend=self._begun[number].size > 0)
                self._keep(number, self.samples + np.flatnonzero(flips), SHORTEST)
            self.samples += part.shape[-1]
            yield part

    def silent(self) -> list[list[tuple[int, int]]]:
        for number, begun in enumerate(self._begun):
            self._keep(number, np.full(begun.shape, self.samples), min(SHORTEST, self.samples))
        return self._runs

    def _keep(self, number: int, flips: np.ndarray, shortest: int) -> None:
        """Keep a channel's long runs; ``flips`` are their beginnings and ends, by turns."""
        ends = np.append(self._begun[number], flips)
        whole = len(ends) // 2 * 2
        runs, self._begun[number] = ends[:whole].reshape(-1, 2), ends[whole:]
        self._runs[number] += [(begin, end) for begin, end in runs[np.ptp(runs, axis=1) >= shortest].tolist()]


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
    """Parts cut or padded with zeros to ``samples()``, which is called after the last part."""
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


def at_rate(source: Source, rate: int, high: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The input at ``rate`` Hz plus what the result ``high`` adds at 44.1 kHz; both [channels, n] part by part.

    Each is resampled at most once.
    """
    low, samples = source.spool, round(source.samples * rate / source.rate)

    def added() -> Iterator[np.ndarray]:
        done = 0
        for part in high:
            yield part - low.read(done, done + part.shape[-1])
            done += part.shape[-1]

    up = _of_length(_resampled(added(), SAMPLE_RATE, rate, low.channels), lambda: samples, low.channels)
    done = 0
    held = np.zeros((low.channels, 0), np.float32)
    with soundfile.SoundFile(str(source.path)) as file:
        own = _resampled(read_parts(file), source.rate, rate, low.channels)
        for part in _of_length(own, lambda: samples, low.channels):
            while held.shape[-1] < part.shape[-1]:
                held = np.concatenate([held, next(up)], axis=1)
            out = part + held[:, : part.shape[-1]]
            held = held[:, part.shape[-1] :]
            for channel, runs in zip(out, source.silent, strict=True):
                for start, stop in np.array(runs, int).reshape(-1, 2) * rate // source.rate:
                    channel[max(0, start - done) : max(0, stop - done)] = 0
            done += part.shape[-1]
            yield out
