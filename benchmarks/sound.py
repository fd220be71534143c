"""Faults that LSD and ViSQOL hardly hear, on sounds made for the purpose: a table of what a model does to each.

    python benchmarks/sound.py                            # the bundled model; under a minute
    python benchmarks/sound.py --pairs FOLDER --pattern {category}_{item}_{order}_{system}.wav   # also dullness
    python benchmarks/sound.py --model FOLDER --rolloff 0.8
    python benchmarks/sound.py --card src/saga_kedro/pretrained/README.md   # the table into a shipped model's card

Levels are mean powers in dB, of the result against the sound before its low-pass.
"""

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import resample
from saga_kedro.corpora.manifest import CATEGORIES
from saga_kedro.corpora.pairs import find_pairs
from saga_kedro.draws import rng
from saga_kedro.use.in_python import super_resolve

N_FFT, HOP = 2_048, 512
NOTHING_DB = -120.0
DULL = {24_000: (11_300, (12_000, 14_400, 16_800, 20_000)), 16_000: (7_500, (8_000, 9_600, 11_200, 13_600))}
"""Rate of a file in Hz: its low-pass, and the edges of the bands above."""

SECTION = "\n## Sounds made for the purpose\n"

Resolve = Callable[..., np.ndarray]


def noise(seconds: float, name: str) -> np.ndarray:
    """White noise, float32 [1, N], root mean square 0.1."""
    return 0.1 * rng("sound", name).standard_normal((1, int(seconds * SAMPLE_RATE)), np.float32)


def sloped(white: np.ndarray, db_per_octave: float) -> np.ndarray:
    """White noise with a slope from 50 Hz on, at the same level."""
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(white.shape[1], 1 / SAMPLE_RATE)
    spectrum *= 10 ** (db_per_octave / 20 * np.log2(np.maximum(hertz, 50.0)))
    shaped = np.fft.irfft(spectrum, white.shape[1])
    return (shaped * 0.1 / np.sqrt(np.square(shaped).mean())).astype(np.float32)


def gated(white: np.ndarray, on: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Noise in every second, shaped by ``on`` (seconds into it), over noise at -80 dB."""
    time = np.arange(white.shape[1]) / SAMPLE_RATE % 1.0
    return white * (on(time) + 1e-3).astype(np.float32)


def cut(audio: np.ndarray, cutoff_hz: int) -> np.ndarray:
    return low_pass(audio, SAMPLE_RATE, LowPass("chebyshev", 8, cutoff_hz))


def band(audio: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Audio between two frequencies, by its Fourier transform."""
    spectrum = np.fft.rfft(audio)
    hertz = np.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE)
    return np.fft.irfft(np.where((hertz >= low_hz) & (hertz < high_hz), spectrum, 0), audio.shape[1])


def level(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.square(audio).mean() + 1e-20))


def each_second(audio: np.ndarray) -> np.ndarray:
    """Levels of whole seconds."""
    seconds = audio.shape[1] // SAMPLE_RATE
    return np.array([level(part) for part in np.split(audio[:, : seconds * SAMPLE_RATE], seconds, axis=1)])


def pre_echo(resolve: Resolve, count: int = 20) -> dict[str, float]:
    """Clicks of 7 ms: energy above 4.2 kHz in the 40 ms before a click, over that of the 40 ms from it on; their median."""
    clicks = gated(noise(count, "clicks"), lambda time: 10 * ((time >= 0.5) & (time < 0.507)))
    found = {}
    for name, audio in (("clicks", resolve(cut(clicks, 4_000), SAMPLE_RATE)), ("clicks, reference", clicks)):
        high, at = band(audio, 4_200, 20_000), [int((k + 0.5) * SAMPLE_RATE) for k in range(count)]
        span = int(0.04 * SAMPLE_RATE)
        ratios = [level(high[:, start - span : start]) - level(high[:, start : start + span]) for start in at]
        found[f"{name}: before against after, dB"] = float(np.median(ratios))
    return found


def steadiness(resolve: Resolve) -> dict[str, float]:
    """Stationary noise: levels of the generated band second by second, and how they change if the file begins at second 30."""
    found = {}
    for name, seconds, slope, cutoff in (
        ("pink noise", 120, -3.01, 4_000),
        ("white noise", 60, 0.0, 5_000),
        ("brown noise", 60, -6.02, 4_000),
    ):
        reference = sloped(noise(seconds, name), slope)
        high = partial(band, low_hz=1.05 * cutoff, high_hz=16_000)
        low = cut(reference, cutoff)
        ours, theirs = each_second(high(resolve(low, SAMPLE_RATE))), each_second(high(reference))
        error = ours - theirs
        found[f"{name}: mean level, dB"] = float(error.mean())
        found[f"{name}: deviation of 1-s levels, dB"] = float(ours.std())
        found[f"{name}: range of 1-s levels, dB"] = float(np.ptp(ours))
        if name == "pink noise":
            later = each_second(high(resolve(low[:, 30 * SAMPLE_RATE :], SAMPLE_RATE)))
            found["from second 30 on alone: most that a second differs, dB"] = float(np.abs(later - ours[30:])[1:].max())
    return found


def sibilants(resolve: Resolve, count: int = 20) -> dict[str, float]:
    """White bursts of 0.4 s: their level above a low-pass at 4 kHz."""
    bursts = gated(noise(count, "bursts"), lambda time: (time >= 0.3) & (time < 0.7))
    time = np.arange(bursts.shape[1]) / SAMPLE_RATE % 1.0
    on = (time >= 0.32) & (time < 0.68)
    ours = resolve(cut(bursts, 4_000), SAMPLE_RATE)
    return {
        f"bursts: {low / 1000:g} to {high / 1000:g} kHz, dB": level(band(ours, low, high)[:, on])
        - level(band(bursts, low, high)[:, on])
        for low, high in ((4_500, 8_000), (8_000, 16_000))
    }


def tones(resolve: Resolve) -> dict[str, float]:
    """Two sine tones: what is added to them, which should be nothing."""
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    both = sum(0.2 * np.sin(2 * np.pi * hertz * time) for hertz in (1_000, 3_500)).astype(np.float32)[None]
    return {
        "two tones: level above 4.2 kHz, dB under them": level(band(resolve(both, SAMPLE_RATE), 4_200, 20_000)) - level(both)
    }


def dullness(resolve: Resolve, references: pd.DataFrame) -> dict[str, float]:
    """Files at 24 and 16 kHz: levels in bands above them in loud frames, median over the clips of a category."""
    found = {}
    for rate, (cutoff, edges) in DULL.items():
        rows = []
        for line in references.to_dict("records"):
            reference, own = read_audio(line["path"])
            reference = resample(reference, own, SAMPLE_RATE)
            low = resample(cut(reference, cutoff), SAMPLE_RATE, rate)
            ours = resolve(low, rate)[:, : reference.shape[1]]
            levels = [
                loud_levels(audio[:, : ours.shape[1]], reference[:, : ours.shape[1]], edges) for audio in (ours, reference)
            ]
            rows.append((line["category"], *(levels[0] - levels[1])))
        names = [f"{a / 1000:g} to {b / 1000:g}" for a, b in pairwise(edges)]
        medians = pd.DataFrame(rows, columns=["category", *names]).groupby("category").median()
        for category, values in medians.loc[[name for name in CATEGORIES if name in medians.index]].iterrows():
            found |= {f"{rate // 1000} kHz files, {category}: {name} kHz, dB": float(values[name]) for name in names}
    return found


def loud_levels(audio: np.ndarray, reference: np.ndarray, edges: Sequence[int]) -> np.ndarray:
    """Levels of bands, mean over the frames of at most 20 dB under the reference's loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(reference.mean(axis=0), N_FFT)[::HOP]
    energy = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-20)
    loud = energy > energy.max() - 20
    power = np.square(
        np.abs(
            np.fft.rfft(np.lib.stride_tricks.sliding_window_view(audio.mean(axis=0), N_FFT)[::HOP][loud] * np.hanning(N_FFT))
        )
    )
    hertz = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    return np.array([10 * np.log10(power[:, (hertz >= a) & (hertz < b)].mean() + 1e-20) for a, b in pairwise(edges)])


def write_section(card: Path, found: Mapping[str, float]) -> None:
    """The table as the last section of a card, in the place of an earlier one; the categories of a band share a line."""
    lines: dict[str, list[str]] = {}
    for name, value in found.items():
        shared = re.sub(f", ({'|'.join(CATEGORIES)}):", ", speech / music / effects:", name)
        lines.setdefault(shared, []).append(f"{value:.1f}" if value > NOTHING_DB else "nothing")
    table = "\n".join(f"| {name} | {' / '.join(values)} |" for name, values in lines.items())
    today = date.today()
    text = (
        f"`python benchmarks/sound.py --card`, {today.day} {today:%B %Y}: faults that LSD hardly hears. Sounds are cut\n"
        "at 4 kHz, white noise at 5 kHz; levels are those above the cut, of the result against the sound before it.\n"
        "Clicks: the 40 ms before one against the 40 ms from it on. Files: low-passed references, in loud frames,\n"
        "the median over a category's clips.\n\n"
    )
    card.write_text(f"{card.read_text().split(SECTION)[0]}{SECTION}\n{text}| | |\n| --- | ---: |\n{table}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rolloff", type=lambda text: float(text) if text[0].isdigit() else text)
    parser.add_argument("--pairs", type=Path, help="a folder of pairs, whose references are made files at 24 and 16 kHz")
    parser.add_argument("--pattern", help="how its files are named, as ingest.pattern")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--card", type=Path, help="also write the table into this model card")
    given = parser.parse_args()
    resolve = partial(super_resolve, model=given.model, **({} if given.rolloff is None else {"rolloff": given.rolloff}))
    found = pre_echo(resolve) | steadiness(resolve) | sibilants(resolve) | tones(resolve)
    if given.pairs:
        table, _ = find_pairs(given.pairs, pattern=given.pattern, cutoff_khz=4.0)
        found |= dullness(resolve, table[table["system"] == "reference"])
    for name, value in found.items():
        print(f"{value:8.1f}  {name}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))
    if given.card:
        write_section(given.card, found)


if __name__ == "__main__":
    main()
