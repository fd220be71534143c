"""A click, pink noise and a voice at 24 kHz: input, what the bundled model made of it before and makes of it now, reference.

    python experiments/bundled_model_pictures/draw_sound.py --voice FILE [--out docs/pictures/bundled_model_sound.png]

*Before* is the same weights without the rules for steady noise and onsets, and with an unspecified roll-off. Click and noise
are those of benchmarks/sound.py.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import matplotlib
import numpy as np
from PIL import Image

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audio.resample import resample
from saga_kedro.audio.spectra import frame_power, frame_view, hann
from saga_kedro.use.in_python import super_resolve

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from sound import DULL, cut, gated, noise, sloped

RULES = {"onset_gain": lambda low, cutoff_hz: np.ones_like(low), "track_steady": lambda *_: {}}
TOP_KHZ = 20
COLOURS = 64  # of the picture, so that it stays small


class Row(NamedTuple):
    """A sound, and how it is shown."""

    name: str
    reference: np.ndarray  # [1, N] at 44.1 kHz
    low: np.ndarray  # what the model gets
    rate: int  # of ``low``, Hz
    cutoff_hz: int
    seconds: tuple[float, float]  # the part that is shown
    window: int  # samples of a frame; one every eighth of it
    together: int  # frames whose mean is a column
    range_db: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voice", type=Path, required=True, help="speech that reaches 20 kHz")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/bundled_model_sound.png"))
    asked = parser.parse_args()
    draw(rows(asked.voice), asked.out)


def rows(voice: Path) -> list[Row]:
    click = gated(noise(4, "clicks"), lambda time: 10 * ((time >= 0.5) & (time < 0.507)))
    pink = sloped(noise(40, "pink noise"), -3.01)
    speech, own = read_audio(voice)
    speech = resample(speech, own, SAMPLE_RATE)[:1]
    cutoff = DULL[24_000][0]
    low = resample(cut(speech, cutoff), SAMPLE_RATE, 24_000)
    whole = (0, speech.shape[1] / SAMPLE_RATE)
    return [
        Row("click of 7 ms, cut at 4 kHz", click, cut(click, 4_000), SAMPLE_RATE, 4_000, (1.42, 1.60), 256, 1, 70),
        Row("pink noise, cut at 4 kHz", pink, cut(pink, 4_000), SAMPLE_RATE, 4_000, (0, 40), 512, 256, 40),
        Row("voice, a 24 kHz file", speech, low, 24_000, cutoff, whole, 1_024, 6, 85),
    ]


def power(audio: np.ndarray, row: Row) -> np.ndarray:
    """Mean powers of the part that is shown, [bins up to ``TOP_KHZ``, columns]; of a sine at full scale 1."""
    first, last = (int(second * SAMPLE_RATE) for second in row.seconds)
    frames = frame_view(audio[0, first:last], row.window, row.window // 8) * hann(row.window)
    bins = int(TOP_KHZ * 1_000 / SAMPLE_RATE * row.window)
    found = frame_power(frames)[: len(frames) // row.together * row.together, :bins] * (2 / hann(row.window).sum()) ** 2
    return found.reshape(-1, row.together, bins).mean(axis=1).T


def draw(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(len(rows), 4, figsize=(12, 7.4), dpi=90, sharey=True, layout="constrained")
    for row, line in zip(rows, panels, strict=True):
        with patch.multiple("saga_kedro.model.super_resolver", **RULES):
            before = super_resolve(row.low, row.rate, rolloff="unspecified")
        sounds = {
            "input": resample(row.low, row.rate, SAMPLE_RATE),
            "before": before,
            "now": super_resolve(row.low, row.rate),
            "reference": row.reference,
        }
        levels = {name: 10 * np.log10(power(audio, row) + 1e-20) for name, audio in sounds.items()}
        top = float(levels["reference"].max())
        for axes, (name, level) in zip(line, levels.items(), strict=True):
            extent = (*row.seconds, 0, TOP_KHZ)
            scale = {"vmin": top - row.range_db, "vmax": top}
            axes.imshow(level, origin="lower", aspect="auto", cmap="magma", interpolation="nearest", extent=extent, **scale)
            axes.axhline(row.cutoff_hz / 1_000, color="white", linestyle="--", linewidth=0.9)
            axes.set_yticks([0, 4, 8, 12, 16, 20])
            axes.tick_params(labelsize=10)
            if row is rows[0]:
                axes.set_title(name, fontsize=13)
            if row is rows[-1]:
                axes.set_xlabel("seconds", fontsize=11)
        line[0].set_ylabel(f"{row.name}\nkHz", fontsize=11)
    figure.canvas.draw()
    Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    matplotlib.use("agg")
    main()
