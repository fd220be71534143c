"""The model in a browser: Pyodide runs the same code (web/worker.js), and onnxruntime-web the network.

Python cannot wait for that, so the generator `super_resolve` yields the network's inputs and is sent its output.
"""

import io
import wave
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saga_kedro.arrays import Array
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import frame_powers, measure_bandwidth
from saga_kedro.audio.full_scale import as_24_bit, decibels, gain_for
from saga_kedro.audio.reading import from_array
from saga_kedro.audio.resample import resample
from saga_kedro.audio.rolloff import rolloff_from_hz
from saga_kedro.audio.spectra import frame_power, hann
from saga_kedro.model.blocks import joined
from saga_kedro.model.dials import Dials
from saga_kedro.model.onnx_model import GraphSagaSR
from saga_kedro.model.super_resolver import Stretch
from saga_kedro.model.treatment import treatment

N_FFT = 2_048
RANGE_DB = 90.0
MEASURED, SAMPLED = 0.1, 0.5  # share of the time until the bandwidth is known, and until the network's last output

Given = dict[str, np.ndarray]
"""The graph's inputs, by name."""


@dataclass(frozen=True)
class Result:
    """What became of a file."""

    audio: np.ndarray | None  # float32 [channels, samples] at 44.1 kHz; None if the file stays as it is
    words: str  # half a sentence: what was measured, or why the file stays as it is
    cutoff_hz: float | None = None  # below it the result is the input


class _Unanswered(Exception):
    """The network's output is needed, for the inputs in the argument."""


class BrowserSagaSR(GraphSagaSR):
    """A model whose network is computed by the driver of `sampled`."""

    _answers: Iterator[np.ndarray] = iter(())

    def answer(self, given: Given) -> np.ndarray:
        for answer in self._answers:
            return answer
        raise _Unanswered(given)

    def sampled(self, stretch: Stretch) -> Generator[Given, np.ndarray, Array]:
        """`generate`, which yields inputs of the graph, is sent its outputs, and returns z_h [C, L].

        It starts again with every answer. That is quick: the earlier answers are known, and draws are named.
        """
        answers: list[np.ndarray] = []
        while True:
            self._answers = iter(answers)
            try:
                return self.generate(stretch)
            except _Unanswered as question:
                answers.append((yield question.args[0]))


def super_resolve(
    model: BrowserSagaSR,
    audio: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    rolloff_hz: float | None = None,
    noise_floor: float | None = None,
) -> Generator[Given | float, np.ndarray, Result]:
    """Super-resolve decoded audio, float32 [channels, samples] at 44.1 kHz, of a file whose rate was ``sample_rate``.

    Yields the graph's inputs, to be sent its output, and in between the finished share of the work, in [0, 1].
    """
    if not audio.shape[-1] or not np.isfinite(audio).all():
        return Result(None, "it holds no samples" if not audio.shape[-1] else "it holds values that are not finite numbers")
    low = model.channels(audio)
    samples, read = low.shape[-1], from_array(low)
    measured = measure_bandwidth(frame_powers(read, samples, without_clipping=True), SAMPLE_RATE)
    todo = treatment(measured, sample_rate)
    if todo.cutoff_hz is None:
        return Result(None, todo.why.split(";")[0])  # what follows names an option of the command line
    yield MEASURED

    dials = Dials(rolloff=None if rolloff_hz is None else rolloff_from_hz(rolloff_hz), noise_floor=noise_floor)
    finished, done = [], 0.0
    for stretch in model.stretches(read, samples, todo, np.array_equal(low[0], low[1]), dials):
        finished.append(stretch.finish((yield from model.sampled(stretch))))
        done += stretch.seconds * SAMPLE_RATE / samples
        yield MEASURED + (SAMPLED - MEASURED) * done
    parts, done = [], 0
    for part in joined(iter(finished)):
        parts.append(part[: len(audio)])
        done += part.shape[-1]
        yield SAMPLED + (1 - SAMPLED) * done / samples
    high = np.concatenate(parts, axis=1)
    gain = gain_for(float(np.abs(high).max()))
    words = todo.why + (f"; lowered by {-decibels(gain):.1f} dB, or it would clip" if gain < 1 else "")
    return Result(high * np.float32(gain), words, todo.cutoff_hz)


def from_channels(channels: Sequence[Any], sample_rate: int) -> np.ndarray:
    """Decoded audio, a buffer of float32 for each channel, as an array at 44.1 kHz."""
    return resample(np.stack([np.frombuffer(channel, np.float32) for channel in channels]), sample_rate, SAMPLE_RATE)


def to_answer(values: Any, shape: Sequence[int]) -> np.ndarray:
    """The graph's output, a buffer of float32, as an array of that shape."""
    return np.frombuffer(values, np.float32).reshape(shape)


def to_wav(audio: np.ndarray) -> bytes:
    """float32 [channels, samples] as a WAV file of 24 bit at 44.1 kHz, like the command line's."""
    steps = np.rint(as_24_bit(audio).T.astype(np.float64) * 2**23).astype("<i4")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(len(audio))
        writer.setsampwidth(3)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(np.ascontiguousarray(steps).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    return file.getvalue()


def spectrogram(audio: np.ndarray, columns: int, rows: int, top_db: float | None = None) -> tuple[np.ndarray, float]:
    """Levels of [channels, samples] as a picture, uint8 [rows, columns], from 22 kHz down to 0; and its ``top_db``.

    255 is ``top_db`` (by default the loudest bin), 0 is 90 dB less. ``rows`` is a divisor of 1,024.
    """
    mono = np.pad(audio.mean(axis=0, dtype=np.float32), N_FFT // 2)
    starts = np.linspace(0, max(0, len(mono) - N_FFT), columns).astype(int)
    window = hann(N_FFT)
    power = np.stack([frame_power(mono[k : k + N_FFT] * window) for k in starts], axis=1)[: N_FFT // 2]
    level = 10 * np.log10(power.reshape(rows, -1, columns).max(axis=1)[::-1] + 1e-12)
    top_db = float(level.max()) if top_db is None else top_db
    return (255 * np.clip(1 + (level - top_db) / RANGE_DB, 0, 1)).astype(np.uint8), top_db
