"""FD over OpenL3 embeddings of a finished evaluation: `python experiments/openl3/fd.py DATASET`, from the project's folder."""

import math
import sys
from functools import cache
from pathlib import Path

import numpy as np
import openl3
import pandas as pd
import soundfile


@cache
def embedded(path: str, kind: str) -> np.ndarray:
    """OpenL3's embedding of a file, [windows, 512]."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return openl3.get_audio_embedding(audio, rate, model=model(kind), hop_size=0.5, verbose=0)[0]


@cache
def model(kind: str):
    return openl3.models.load_audio_embedding_model("mel256", kind, 512)


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


def main(dataset: str) -> None:
    pairs = pd.read_parquet(Path("data/03_primary") / dataset / "pairs.parquet")
    outputs = pd.read_parquet(Path("data/07_model_output") / dataset / "outputs.parquet")
    table = outputs[outputs["path"] != ""].merge(pairs[["pair_id", "category", "cutoff_khz", "reference"]], on="pair_id")
    for (row, category, cutoff), lines in table.groupby(["row", "category", "cutoff_khz"]):
        kind = "music" if category == "music" else "env"
        sides = [np.concatenate([embedded(path, kind) for path in lines[column]]) for column in ("path", "reference")]
        print(f"{row:20} {category:8} {cutoff:4g} kHz  FD {frechet_distance(*sides):8.2f}  ({len(lines)} clips)")


if __name__ == "__main__":
    main(sys.argv[1])
