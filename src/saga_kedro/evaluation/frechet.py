"""Frechet distance between sets of clips: all outputs of a row against all references, whatever the pairs."""

import logging
import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.audio.spectra import hann
from saga_kedro.evaluation.pairs import fit_to, joined, records
from saga_kedro.files import atomic_path, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Evaluate
from saga_kedro.stages import code

logger = logging.getLogger(__name__)

WINDOW_SECONDS, HOP_SECONDS = 1.0, 0.5
N_FFT, HOP = 2048, 512
MEL_BANDS = 32
FLOOR = 1e-10

FD_LOGMEL = "FD_logmel"  # not "FD": that name is for OpenL3's distance (experiments/openl3)
COLUMNS = ["row", "category", "cutoff_khz", "metric", "value", "clips"]


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Mean and deviation of the log-mel spectrum over windows of 1 s: timbre and how much it moves, up to half the rate.

    32 mel bands (HTK, 0 to 22,050 Hz) of the power spectrum of the mono mix (Hann 2,048 / 512; a sine at full scale is 1),
    log10(power + 1e-10); mean and deviation over the frames of each window of 1 s, every 0.5 s. float [channels, samples] at
    44.1 kHz, filled up with zeros to a window, gives float32 [windows, 64].
    """
    mono = np.asarray(audio, np.float32).mean(axis=0)
    mono = np.pad(mono, (0, max(0, round(WINDOW_SECONDS * SAMPLE_RATE) - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, N_FFT)[::HOP]
    window = hann(N_FFT)
    power = (np.abs(np.fft.rfft(frames * window, axis=1)) * (2 / window.sum())) ** 2
    levels = np.log10(power @ _mel_filters() + FLOOR)
    length, step = (round(seconds * SAMPLE_RATE / HOP) for seconds in (WINDOW_SECONDS, HOP_SECONDS))
    windows = np.lib.stride_tricks.sliding_window_view(levels, min(length, len(levels)), axis=0)[::step]
    return np.concatenate([windows.mean(axis=-1), windows.std(axis=-1)], axis=1).astype(np.float32)


@cache
def _mel_filters() -> np.ndarray:
    """Triangles of height 1 between points evenly spaced in mel = 2595 log10(1 + f / 700), [1025, 32].

    Written out, because the libraries that have them import torch, which takes a worker longer than all the rest.
    """
    highest = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    points = 700 * (10 ** (np.linspace(0, highest, MEL_BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (bins - points[:-2]) / np.diff(points)[:-1]
    falling = (points[2:] - bins) / np.diff(points)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance between the normal distributions with two sets' means and covariances (Dowson and Landau 1982).

    d^2 = |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), reported without the root, as FID and FAD do; the last trace is
    the sum of the roots of the eigenvalues of S_1 S_2. Small sets give values that are too large.

    Sets are [windows, width]. The unit is the square of the embedding's; 0 for equal moments, NaN for fewer than two windows.
    """
    if min(len(first), len(second)) < 2:
        return math.nan
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    means = first.mean(axis=0) - second.mean(axis=0)
    one, two = np.atleast_2d(np.cov(first, rowvar=False)), np.atleast_2d(np.cov(second, rowvar=False))
    # of a product of two covariances: real and not negative, but for rounding
    eigenvalues = np.linalg.eigvals(one @ two).real.clip(min=0)
    return max(0.0, float(means @ means + np.trace(one) + np.trace(two) - 2 * np.sqrt(eigenvalues).sum()))


def set_distances(
    pairs: pd.DataFrame, outputs: pd.DataFrame, evaluate: Evaluate, folder: str | Path, workers: int | None = None
) -> pd.DataFrame:
    """Each row's distance to the references, per category and cutoff, over all windows of all clips that the row has.

    Args:
        pairs: of `evaluation.pairs`.
        outputs: of `render.render_rows`; a row without a path is left out, and so is its reference for that row.
        evaluate: has the metrics; without ``FD_logmel`` the result is empty.
        folder: embeddings are kept in ``embeddings/``; stale ones are removed.

    Returns:
        ``COLUMNS``; ``clips`` is how many clips the row has there. A distance that cannot be computed is NaN.
    """
    if FD_LOGMEL not in evaluate.metrics:
        return pd.DataFrame(columns=COLUMNS)
    lines = [line for line in joined(pairs, outputs) if line["path"]]
    made = [_sound(line, line["path"], line["key"]) for line in lines]
    given = {pair["pair_id"]: _sound(pair, pair["reference"], pair["content_hash"]) for pair in records(pairs)}
    sounds = list(dict.fromkeys((*made, *given.values())))
    place = Path(folder) / "embeddings"
    done = parallel_map(_embed, sounds, f"embeddings for {FD_LOGMEL}", workers=workers, folder=str(place))
    windows = dict(zip(sounds, done, strict=True))
    sets: dict[tuple[str, str, float], list[tuple[np.ndarray, np.ndarray]]] = {}
    for line, sound in zip(lines, made, strict=True):
        output, reference = windows[sound], windows[given[line["pair_id"]]]
        if output is not None and reference is not None:
            sets.setdefault((line["row"], line["category"], float(line["cutoff_khz"])), []).append((output, reference))
    table: list[tuple] = []
    for key, sides in sets.items():
        outs, references = (np.concatenate(side) for side in zip(*sides, strict=True))
        table.append((*key, FD_LOGMEL, frechet_distance(outs, references), len(sides)))
    keep_only(place, [place / f"{key}.npy" for key, _, _ in sounds])
    return pd.DataFrame(table, columns=COLUMNS)


def _sound(pair: dict, path: str, key: str) -> tuple[str, str, int]:
    """The name of an embedding, its sound's file, and the length to cut or fill that up to."""
    return parameter_hash(code("evaluate"), FD_LOGMEL, key, path == pair["reference"]), path, int(pair["samples"])


def _embed(sound: tuple[str, str, int], folder: str) -> np.ndarray | None:
    key, source, samples = sound
    path = Path(folder) / f"{key}.npy"
    if path.exists():
        return np.load(path)
    try:
        audio, _ = read_audio(source)
    except UnreadableAudio as error:
        logger.warning("%s: %s", source, error)
        return None
    windows = log_mel(fit_to(audio, len(audio), samples))
    if not np.isfinite(windows).all():
        return None
    with atomic_path(path) as temporary:
        np.save(temporary, windows)
    return windows
