"""Single clips to look at and listen to: a figure of spectrograms and a row of players each."""

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.corpora.manifest import project_path
from saga_kedro.evaluation.names import OURS, cutoff_name
from saga_kedro.evaluation.pairs import fit_to
from saga_kedro.evaluation.render import COPY_UP, UNTOUCHED
from saga_kedro.files import atomic_path, keep_only
from saga_kedro.parameters import Evaluate
from saga_kedro.reporting.blocks import Figure, Player, Players
from saga_kedro.reporting.figures import png
from saga_kedro.reporting.spectrograms import spectrogram_figure
from saga_kedro.reporting.tables import category_place, row_title
from saga_kedro.tracking import Logged

LISTEN_SECONDS = 4.0
ONLY_HEARD = ("codec", COPY_UP, "rolloff_reference")  # a figure has room for four panels


@dataclass(frozen=True)
class Example:
    """One pair, and the paths of its sounds by row, with ``reference``."""

    pair_id: str
    category: str
    cutoff_khz: float
    paths: Mapping[str, str]


def choose_examples(pairs: pd.DataFrame, outputs: pd.DataFrame, per_category: int) -> list[Example]:
    """The first pairs of each category, with the cutoffs in turn, and the outputs that have a path."""
    made = outputs[outputs["path"].astype(bool)]
    heard = {pair_id: dict(zip(rows["row"], rows["path"], strict=True)) for pair_id, rows in made.groupby("pair_id")}
    ordered = pairs.sort_values("pair_id").assign(place=pairs["category"].map(category_place))
    ordered = ordered.assign(turn=ordered.groupby(["category", "cutoff_khz"]).cumcount())
    chosen = ordered.sort_values(["place", "turn", "cutoff_khz"]).groupby("category", sort=False).head(per_category)
    found = []
    for pair in chosen.to_dict("records"):
        paths = heard.get(pair["pair_id"], {}) | {"reference": pair["reference"]}
        found.append(Example(pair["pair_id"], pair["category"], float(pair["cutoff_khz"]), paths))
    return found


def _sounds(example: Example) -> dict[str, np.ndarray]:
    """Of every row, in the order of `_rows`: float32 [C, N] at 44.1 kHz, all of the reference's shape."""
    shape = read_audio(example.paths["reference"])[0].shape
    return {row: fit_to(read_audio(example.paths[row])[0], *shape) for row in _rows(example)}


def _rows(example: Example) -> list[str]:
    """Input, ours, reference, then the others."""
    first = [row for row in (UNTOUCHED, OURS, "reference") if row in example.paths]
    return list(dict.fromkeys([*first, *example.paths]))


def example_blocks(example: Example) -> tuple[Figure, Players]:
    """The figure and the players of one example."""
    sounds = _sounds(example)
    seen = {_title(row): audio for row, audio in sounds.items() if row not in ONLY_HEARD}
    title = f"{example.category}, {cutoff_name(example.cutoff_khz)}: {example.pair_id}"
    figure = spectrogram_figure(seen, SAMPLE_RATE, 1000 * example.cutoff_khz, title)
    peak = max(float(np.abs(audio).max()) if audio.size else 0.0 for audio in sounds.values())
    # one gain for all, to keep differences in level
    gain = min(1.0, 0.99 / peak) if peak > 0 and math.isfinite(peak) else 1.0
    players = [Player(listenable(audio * gain), _title(row)) for row, audio in sounds.items()]
    caption = f"{title}. All panels on the reference's colour scale; the dashed line is the cutoff."
    picture = Figure(png(figure), caption, f"Spectrograms of {', '.join(seen)} for {title}")
    return picture, Players(players, f"Listen ({LISTEN_SECONDS:g} s at most, one gain for all)")


def write_examples(
    pairs: pd.DataFrame, outputs: pd.DataFrame, evaluate: Evaluate, folder: str | Path
) -> tuple[pd.DataFrame, Logged]:
    """Write spectrograms (PNG) and sounds (16-bit FLAC) of ``evaluate.examples`` pairs per category; other files are removed.

    Returns pair_id, category, cutoff_khz, row and path of every sound and ``spectrogram``; and the folder, for MLflow.
    """
    folder = Path(folder)
    lines = []
    for example in choose_examples(pairs, outputs, evaluate.examples):
        figure, players = example_blocks(example)
        stem = re.sub(r"[^\w.-]+", "_", f"{example.category}_{example.pair_id}")
        sounds = {row: player.audio for row, player in zip(_rows(example), players.players, strict=True)}
        for row, content in {"spectrogram": figure.image, **sounds}.items():
            file = folder / (f"{stem}.png" if row == "spectrogram" else f"{stem}_{row}.flac")
            with atomic_path(file) as temporary:
                temporary.write_bytes(content)
            lines.append((example.pair_id, example.category, example.cutoff_khz, row, project_path(file)))
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder, [line[-1] for line in lines])
    table = pd.DataFrame(lines, columns=["pair_id", "category", "cutoff_khz", "row", "path"])
    return table, Logged(artifacts={"examples": [str(folder)]})


def listenable(audio: np.ndarray) -> bytes:
    """The middle of a sound, float [channels, samples] at 44.1 kHz, as the bytes of a 16-bit FLAC file, which browsers play."""
    length = min(audio.shape[1], round(LISTEN_SECONDS * SAMPLE_RATE))
    start = (audio.shape[1] - length) // 2
    buffer = io.BytesIO()
    soundfile.write(buffer, np.nan_to_num(audio[:, start : start + length]).T, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _title(row: str) -> str:
    return "input" if row == UNTOUCHED else row_title(row)
