"""FD over OpenL3 embeddings of a finished evaluation: `python experiments/openl3/fd.py DATASET`, from the project's folder."""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import openl3
import pandas as pd
import soundfile

from saga_kedro.evaluation.frechet import frechet_distance


@cache
def embedded(path: str, kind: str) -> np.ndarray:
    """OpenL3's embedding of a file, [windows, 512]."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return openl3.get_audio_embedding(audio, rate, model=model(kind), hop_size=0.5, verbose=0)[0]


@cache
def model(kind: str):
    return openl3.models.load_audio_embedding_model("mel256", kind, 512)


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
