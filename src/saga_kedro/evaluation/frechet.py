"""Distances between sets of clips: how unlike all outputs of a row are all references, whatever belongs to what."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.evaluation.embeddings import Embedding, log_mel, openl3, require_openl3
from saga_kedro.evaluation.match import fit_to
from saga_kedro.evaluation.pairs import records
from saga_kedro.files import atomic_path, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map

# OpenL3's has the paper's name; nothing else may have it.
SET_METRICS: dict[str, Embedding] = {"FD": openl3, "FD_logmel": log_mel}
COLUMNS = ["row", "category", "cutoff_khz", "metric", "value", "clips"]
# part of every cached name: to be raised when an embedding is computed otherwise
VERSION = 1


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Frechet distance between the normal distributions with two sets' means and covariances (Dowson and Landau 1982).

    d^2 = |mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), which, as FID and FAD do, is reported without the root; the last
    trace is the sum of the roots of the eigenvalues of S_1 S_2. Small sets give values that are too large.

    Args:
        first, second: [windows, width], of equal width.

    Returns:
        In the square of the embedding's unit, 0 (equal moments) upward; NaN for fewer than two windows.
    """
    if min(len(first), len(second)) < 2:
        return math.nan
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    means = first.mean(axis=0) - second.mean(axis=0)
    one, two = np.atleast_2d(np.cov(first, rowvar=False)), np.atleast_2d(np.cov(second, rowvar=False))
    # of a product of two covariances: real and not negative, but for rounding
    eigenvalues = np.linalg.eigvals(one @ two).real.clip(min=0)
    return max(0.0, float(means @ means + np.trace(one) + np.trace(two) - 2 * np.sqrt(eigenvalues).sum()))


@dataclass(frozen=True)
class _Sound:
    """A file to embed, cut or filled up to the pair's length; ``key`` names the result."""

    path: str
    key: str
    category: str
    samples: int


def set_distances(
    pairs: pd.DataFrame, outputs: pd.DataFrame, folder: str | Path, names: Sequence[str], workers: int | None = None
) -> pd.DataFrame:
    """Each row's distance to the references, per category and cutoff, over all windows of all clips that the row has.

    Args:
        pairs: of `evaluation.pairs`.
        outputs: of `render.render_rows`; a row without a path is left out, and so is its reference for that row.
        folder: embeddings lie in ``embeddings/``; those of sounds that are not asked for any more are removed.
        names: metrics; those of ``SET_METRICS`` are computed, others left to `score`.
        workers: processes, None for one a core.

    Returns:
        ``COLUMNS``; ``clips`` is how many clips the row has there. A distance that cannot be computed is NaN.

    Raises:
        MissingWeights: OpenL3 was asked for and is not there.
    """
    chosen = [name for name in names if name in SET_METRICS]
    if "FD" in chosen:
        require_openl3()
    by_id = {pair["pair_id"]: pair for pair in records(pairs)}
    lines = [line for line in records(outputs) if line["path"]]
    place = Path(folder) / "embeddings"
    table: list[tuple] = []
    wanted: list[Path] = []
    for name in chosen:
        made = [_sound(by_id[line["pair_id"]], line["path"], name, line["key"]) for line in lines]
        given = {key: _sound(pair, pair["reference"], name, pair["content_hash"]) for key, pair in by_id.items()}
        sounds = list({sound.key: sound for sound in (*made, *given.values())}.values())
        # a network of TensorFlow's stays in this process
        alone = 1 if name == "FD" else workers
        done = parallel_map(_embed, sounds, f"embeddings for {name}", workers=alone, name=name, folder=str(place))
        windows = dict(zip((sound.key for sound in sounds), done, strict=True))
        wanted += [place / f"{sound.key}.npy" for sound in sounds]
        sets: dict[tuple[str, str, float], list[tuple[np.ndarray, np.ndarray]]] = {}
        for line, sound in zip(lines, made, strict=True):
            pair = by_id[line["pair_id"]]
            output, reference = windows[sound.key], windows[given[line["pair_id"]].key]
            if output is not None and reference is not None:
                place_in_table = (line["row"], pair["category"], float(pair["cutoff_khz"]))
                sets.setdefault(place_in_table, []).append((output, reference))
        for key, sides in sets.items():
            outs, references = (np.concatenate(side) for side in zip(*sides, strict=True))
            table.append((*key, name, frechet_distance(outs, references), len(sides)))
    if place.is_dir():
        keep_only(place, wanted)
    return pd.DataFrame(table, columns=COLUMNS)


def _sound(pair: dict, path: str, name: str, key: str) -> _Sound:
    return _Sound(path, parameter_hash(VERSION, name, key, path == pair["reference"]), pair["category"], int(pair["samples"]))


def _embed(sound: _Sound, name: str, folder: str) -> np.ndarray | None:
    path = Path(folder) / f"{sound.key}.npy"
    if path.exists():
        return np.load(path)
    try:
        audio, _ = read_audio(sound.path)
    except UnreadableAudio as error:
        print(f"{sound.path}: {error}", file=sys.stderr)
        return None
    windows = SET_METRICS[name](fit_to(audio, len(audio), sound.samples), sound.category)
    if not np.isfinite(windows).all():
        return None
    with atomic_path(path) as temporary:
        np.save(temporary, windows)
    return windows
