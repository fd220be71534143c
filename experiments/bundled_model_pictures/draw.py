"""The shipped model's pictures: bias against frequency, and spectrograms beside other systems'.

    python experiments/bundled_model_pictures/draw.py --pairs FOLDER --model FOLDER [--before FOLDER] [--out docs/pictures]

The pairs are named like the twelve clips of docs/bundled_model.md: {s, m or f}_{item}_{order}_{system}.wav, with systems lr,
hr and saga_sr.
Bias is what a system has more than the reference: the mean over four clips of the difference of mean powers in dB, in the loud
frames (the loudest 30 %) and in the quiet ones (the quietest 20 %).
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import soundfile

from saga_kedro.model.loading import load_model
from saga_kedro.reporting.spectrograms import spectrogram_db

CATEGORIES = {"s": "speech", "m": "music", "f": "effects"}
CUTOFF_HZ, RATE = 4_000.0, 44_100
EDGES_HZ = np.geomspace(2_000, 21_000, 30)
FRAMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "loud frames": lambda level: level >= np.quantile(level, 0.7),
    "quiet frames": lambda level: level <= np.quantile(level, 0.2),
}
FLOOR = 1e-12  # the power of a bin that 16 bits cannot hold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="default: the one in the package")
    parser.add_argument("--before", type=Path, help="a model to compare with")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    asked = parser.parse_args()
    clips = sounds_of(asked.pairs)
    for title, folder in {"before": asked.before, "ours": asked.model}.items():
        if title == "ours" or folder:
            model = load_model(folder)
            for sounds in clips.values():
                sounds[title] = model.super_resolve(sounds["input"], RATE, cutoff_hz=CUTOFF_HZ)
    asked.out.mkdir(parents=True, exist_ok=True)
    draw_bias(clips, asked.out / "bundled_model_bias.png")
    draw_spectrograms(clips, asked.out / "bundled_model_spectrograms.png")


def sounds_of(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Input, reference and SAGA-SR's output of each clip, float32 [channels, samples]."""
    clips: dict[str, dict[str, np.ndarray]] = {}
    for path in sorted(folder.glob("*_lr.wav")):
        name = path.name.rsplit("_", 2)[0]
        others = {"SAGA-SR": "saga_sr", "reference": "hr"}
        files = {"input": path} | {title: next(folder.glob(f"{name}_*_{system}.wav")) for title, system in others.items()}
        clips[name] = {title: soundfile.read(str(file), dtype="float32", always_2d=True)[0].T for title, file in files.items()}
    if not clips:
        raise SystemExit(f"There is no pair in {folder}: name the folder with the twelve clips.")
    return clips


def bias_db(sound: np.ndarray, reference: np.ndarray, frames: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """[bands] of ``EDGES_HZ``: level of a sound's frames less that of the reference's."""
    samples = min(sound.shape[1], reference.shape[1])
    ours, theirs = (10 ** (spectrogram_db(audio[:, :samples]) / 10) for audio in (sound, reference))
    chosen = frames(10 * np.log10(theirs.sum(axis=0) + FLOOR))
    hertz = np.arange(len(theirs)) * RATE / 2 / (len(theirs) - 1)
    band = np.digitize(hertz, EDGES_HZ) - 1
    means = [[level[band == k][:, chosen].mean() + FLOOR for k in range(len(EDGES_HZ) - 1)] for level in (ours, theirs)]
    return 10 * np.log10(np.array(means[0]) / np.array(means[1]))


def draw_bias(clips: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """A panel a category and kind of frames, a line a system."""
    import matplotlib.pyplot as plt

    middles = np.sqrt(EDGES_HZ[1:] * EDGES_HZ[:-1]) / 1_000
    figure, panels = plt.subplots(2, 3, figsize=(11, 5.6), sharex=True, sharey=True, layout="constrained")
    systems = [name for name in ("before", "ours", "SAGA-SR") if all(name in sounds for sounds in clips.values())]
    for column, (letter, category) in enumerate(CATEGORIES.items()):
        mine = [sounds for name, sounds in clips.items() if name.startswith(letter)]
        for row, (frames_name, frames) in enumerate(FRAMES.items()):
            axes = panels[row, column]
            axes.axhspan(-2, 2, color="0.92")
            axes.axvline(CUTOFF_HZ / 1_000, color="0.5", linestyle="--", linewidth=0.8)
            for system, colour in zip(systems, ("0.55", "C3", "C0")[3 - len(systems) :], strict=True):
                mean = np.mean([bias_db(sounds[system], sounds["reference"], frames) for sounds in mine], axis=0)
                axes.plot(middles, mean, color=colour, label=system)
            axes.set_title(f"{category}, {frames_name}", fontsize=9, loc="left")
            axes.set_xscale("log")
            axes.set_xticks([2, 4, 8, 16], ["2", "4", "8", "16 kHz"])
            axes.set_xticks([], minor=True)
            axes.set_ylim(-30, 30)
    panels[0, 0].legend(fontsize=8, loc="lower left")
    for axes in panels[:, 0]:
        axes.set_ylabel("dB over the reference")
    figure.savefig(path, dpi=110)


def draw_spectrograms(clips: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """The first clip of each category in a row: input, ours, SAGA-SR's, reference, on the reference's scale."""
    import matplotlib.pyplot as plt

    titles = ("input", "ours", "SAGA-SR", "reference")
    figure, panels = plt.subplots(3, len(titles), figsize=(12, 6.6), sharey=True, layout="constrained")
    for row, (letter, category) in zip(panels, CATEGORIES.items(), strict=True):
        sounds = next(sounds for name, sounds in clips.items() if name.startswith(letter))
        top = float(spectrogram_db(sounds["reference"]).max())
        for axes, title in zip(row, titles, strict=True):
            level = spectrogram_db(sounds[title])
            extent = (0, sounds[title].shape[1] / RATE, 0, RATE / 2_000)
            axes.imshow(level, origin="lower", aspect="auto", cmap="magma", vmin=top - 90, vmax=top, extent=extent)
            axes.set_title(f"{category}: {title}", fontsize=9, loc="left")
        row[0].set_ylabel("kHz")
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    matplotlib.use("agg")
    main()
