"""The default corpus: about ten minutes of synthesised sound, the same on every machine that has the same libraries."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.corpora.synthesis.effects import effects
from saga_kedro.corpora.synthesis.music import music
from saga_kedro.corpora.synthesis.sources import noise
from saga_kedro.corpora.synthesis.speech import speech
from saga_kedro.draws import rng
from saga_kedro.files import atomic_path, keep_only
from saga_kedro.parallel import parallel_map
from saga_kedro.stages import code

MAKE = {"speech": speech, "music": music, "effects": effects}
GROUPS = 8  # speakers, pieces, kits
CLIP_S = (5.0, 12.0)
INDEX = "index.csv"


@dataclass(frozen=True)
class Planned:
    """One clip to synthesise."""

    path: str
    category: str
    group: str
    number: int
    samples: int
    identical: bool  # whether its channels are


def write_demo(folder: str | Path, seed: int, minutes: float = 10.0, workers: int | None = None) -> None:
    """Write the demo corpus: stereo FLAC, 44.1 kHz, 16 bit, in a sub-folder for each category, and ``index.csv``.

    A third each is speech, music and effects, by eight speakers, pieces or kits, in clips of 5 to 12 s that add up to
    ``minutes`` (at least eight, shorter if need be). Content reaches 20 kHz, the noise floor is 45 to 85 dB under full scale,
    and one clip in eight has identical channels. The same seed gives the same bytes; a finished corpus is kept.
    """
    folder = Path(folder)
    clips = plan(seed, minutes)
    recipe = {"code": code("ingest"), "seed": seed, "minutes": minutes}
    done = folder / "recipe.json"
    kept = [folder / clip.path for clip in clips]
    if done.exists() and json.loads(done.read_text()) == recipe and all(path.exists() for path in kept):
        return
    done.unlink(missing_ok=True)
    parallel_map(_write, clips, "synthesise", workers, folder=folder, seed=seed)
    table = pd.DataFrame(clips)[["path", "category", "group"]].assign(licence="CC0-1.0")
    with atomic_path(folder / INDEX) as temporary:
        table.to_csv(temporary, index=False)
    keep_only(folder, [*kept, folder / INDEX])
    with atomic_path(done) as temporary:
        temporary.write_text(json.dumps(recipe))


def plan(seed: int, minutes: float) -> list[Planned]:
    """Which clips the corpus has, and how long they are."""
    count = max(GROUPS, round(minutes * 60 / np.mean(CLIP_S) / len(MAKE)))
    clips = []
    for place, category in enumerate(MAKE):
        lengths = rng(seed, "demo", category, "lengths").uniform(*CLIP_S, count)
        lengths *= minutes * 60 / len(MAKE) / lengths.sum()
        for number, length in enumerate(lengths):
            group, take = f"{category}-{number % GROUPS}", number // GROUPS
            path, identical = f"{category}/{group}_{take}.flac", (number + place) % 8 == 3
            clips.append(Planned(path, category, f"demo/{group}", number, int(length * SAMPLE_RATE), identical))
    return clips


def synthesise(clip: Planned, seed: int) -> np.ndarray:
    """One clip: float32 [2, samples], peak between 12 and 1 dB under full scale."""
    draws = rng(seed, "demo", clip.category, clip.number)
    audio = MAKE[clip.category](draws, rng(seed, "demo", clip.group), clip.samples)
    audio *= 10 ** (draws.uniform(-12, -1) / 20) / np.abs(audio).max()
    floor = 10 ** (draws.uniform(-85, -45) / 20)
    slope, alike = draws.uniform(-4, 0), draws.uniform(0, 1)
    common = noise(draws, clip.samples, slope)
    for channel in audio:
        own = noise(draws, clip.samples, slope)
        channel += floor * (alike * common + (1 - alike) * own) / np.hypot(alike, 1 - alike)
    fade = np.minimum(1, np.arange(clip.samples) / (0.01 * SAMPLE_RATE)).astype(np.float32)
    audio = np.clip(audio * fade * fade[::-1], -1, 1)
    return np.repeat(audio.mean(axis=0, keepdims=True), 2, axis=0) if clip.identical else audio


def _write(clip: Planned, folder: Path, seed: int) -> None:
    with atomic_path(folder / clip.path) as temporary:
        soundfile.write(temporary, synthesise(clip, seed).T, SAMPLE_RATE, subtype="PCM_16")
