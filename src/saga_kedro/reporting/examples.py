"""Single clips to look at and listen to: one spectrogram figure and a row of players each."""

from __future__ import annotations

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
ONLY_HEARD = ("codec", COPY_UP, "rolloff_reference")  # four panels are what a figure holds


@dataclass(frozen=True)
class Example:
    """One pair and where its sounds lie: row -> path, ``reference`` among them."""

    pair_id: str
    category: str
    cutoff_khz: float
    paths: Mapping[str, str]

    @property
    def title(self) -> str:
        return f"{self.category}, {cutoff_name(self.cutoff_khz)}: {self.pair_id}"


def choose_examples(pairs: pd.DataFrame, outputs: pd.DataFrame, per_category: int) -> list[Example]:
    """The first pairs of each category, the cutoffs taking turns; the same pairs give the same examples.

    Of pairs and outputs of the evaluation; a row without a path is left out of its example.
    """
    made: dict[str, dict[str, str]] = {}
    for line in outputs.to_dict("records"):
        if line["path"]:
            made.setdefault(line["pair_id"], {})[line["row"]] = line["path"]
    ordered = pairs.sort_values("pair_id").assign(place=pairs["category"].map(category_place))
    ordered = ordered.assign(turn=ordered.groupby(["category", "cutoff_khz"]).cumcount())
    chosen = ordered.sort_values(["place", "turn", "cutoff_khz"]).groupby("category", sort=False).head(per_category)
    found = []
    for pair in chosen.to_dict("records"):
        paths = made.get(pair["pair_id"], {}) | {"reference": pair["reference"]}
        found.append(Example(pair["pair_id"], pair["category"], float(pair["cutoff_khz"]), paths))
    return found


def _sounds(example: Example) -> dict[str, np.ndarray]:
    """Input, ours, reference, then the others: float32 [C, N] at 44.1 kHz, all of the reference's shape."""
    reference, _ = read_audio(example.paths["reference"])
    first = [row for row in (UNTOUCHED, OURS) if row in example.paths]
    others = [row for row in example.paths if row not in (UNTOUCHED, OURS, "reference")]
    sounds = {row: fit_to(read_audio(example.paths[row])[0], *reference.shape) for row in [*first, *others]}
    return {**{row: sounds.pop(row) for row in first}, "reference": reference, **sounds}


def example_blocks(example: Example, number: int) -> tuple[Figure, Players]:
    """The figure and the players of one example; its number makes the names of their files unique."""
    sounds = _sounds(example)
    seen = {_title(row): audio for row, audio in sounds.items() if row not in ONLY_HEARD}
    figure = spectrogram_figure(seen, SAMPLE_RATE, 1000 * example.cutoff_khz, example.title)
    name = f"example_{number}"
    peak = max(float(np.abs(audio).max()) if audio.size else 0.0 for audio in sounds.values())
    # one gain for all of them: differences in level are heard as they are
    gain = min(1.0, 0.99 / peak) if peak > 0 and math.isfinite(peak) else 1.0
    players = [Player(listenable(audio * gain), f"{name}_{row}", _title(row)) for row, audio in sounds.items()]
    caption = f"{example.title}. All panels on the reference's colour scale; the dashed line is the cutoff."
    return (
        Figure(png(figure), name, caption, f"Spectrograms of {', '.join(seen)} for {example.title}"),
        Players(players, f"Listen ({LISTEN_SECONDS:g} s at most, one gain for all)"),
    )


def write_examples(
    pairs: pd.DataFrame, outputs: pd.DataFrame, evaluate: Evaluate, folder: str | Path
) -> tuple[pd.DataFrame, Logged]:
    """``evaluate.examples`` of each category as files, a spectrogram as PNG and sounds as 16-bit FLAC; others in ``folder`` go.

    Returns:
        Columns pair_id, category, cutoff_khz, row, path: a line per sound, and one of row ``spectrogram``; and for MLflow the
        folder.
    """
    folder = Path(folder)
    lines = []
    for number, example in enumerate(choose_examples(pairs, outputs, evaluate.examples), start=1):
        figure, players = example_blocks(example, number)
        stem = re.sub(r"[^\w.-]+", "_", f"{example.category}_{example.pair_id}")
        rows = [(player.name.removeprefix(f"example_{number}_"), player.audio) for player in players.players]
        files = [("spectrogram", f"{stem}.png", figure.image), *((row, f"{stem}_{row}.flac", audio) for row, audio in rows)]
        for row, name, content in files:
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(content)
            lines.append((example.pair_id, example.category, example.cutoff_khz, row, project_path(folder / name)))
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder, [line[-1] for line in lines])
    table = pd.DataFrame(lines, columns=["pair_id", "category", "cutoff_khz", "row", "path"])
    return table, Logged(artifacts={"examples": [str(folder)]})


def listenable(audio: np.ndarray, seconds: float = LISTEN_SECONDS) -> bytes:
    """The middle of a sound, float [channels, samples] at 44.1 kHz, as the bytes of a 16-bit FLAC file, which browsers play."""
    length = min(audio.shape[1], round(seconds * SAMPLE_RATE))
    start = (audio.shape[1] - length) // 2
    buffer = io.BytesIO()
    soundfile.write(buffer, np.nan_to_num(audio[:, start : start + length]).T, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _title(row: str) -> str:
    return "input" if row == UNTOUCHED else row_title(row)
