"""What grows with the corpus, and what must not: tables of the paper's 3,800 hours, and of 38, without audio.

`python benchmarks/paper_scale.py` takes some minutes and 2 GB of disk. Times are seconds of one core, so that they hold on a
machine that does other things, too. Bounds: a training process begins within 20 s, a process that loads has under 1 GB of its
own, and a draw takes at most 1.2 times what it takes of 38 hours.
"""

import json
import multiprocessing
import os
import pickle
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch.utils.data import DataLoader, Dataset

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.captioning.windows import window_table
from saga_kedro.corpora.manifest import data_version
from saga_kedro.corpora.splits import assign_splits
from saga_kedro.parameters import Parameters, validate
from saga_kedro.scale.sizes import TEXT_ENCODERS
from saga_kedro.training import segments as segments_module
from saga_kedro.training.examples import SPLITS, make_segments, table_path
from saga_kedro.training.folder import key_of
from saga_kedro.training.latents import INDEX, CachedSegments, shard_path
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Segments, slots_of

HOURS = (38, 3800)
CLIPS_PER_HOUR = 450_000 / 3_800
DRAWS = 1_000
START_S, OWN_GB, SLOWER = 20.0, 1.0, 1.2


def parameters() -> Parameters:
    """The paper's, which encodes latents before it trains."""
    conf = Path(__file__).parents[1] / "conf"
    merged = OmegaConf.merge(*(OmegaConf.load(conf / env / "parameters.yml") for env in ("base", "paper")))
    return validate(OmegaConf.to_container(merged))  # type: ignore[arg-type]


def write_tables(hours: int, folder: Path) -> None:
    """manifest, clips and captions as the pipelines before `fit` would leave them."""
    source = np.random.default_rng(hours)
    count = round(hours * CLIPS_PER_HOUR)
    seconds = source.lognormal(sigma=1.0, size=count)
    seconds = np.clip(seconds * (hours * 3_600 / seconds.sum()), 1.0, 600.0).round(3)
    category = source.choice(["speech", "music", "effects"], count, p=[0.5, 0.3, 0.2])
    hashes = [f"{number:032x}" for number in source.permutation(count)]
    hashes = [one[::-1] for one in hashes]
    manifest = pd.DataFrame(
        {
            "clip_id": [one[:16] for one in hashes],
            "group": [
                f"{kind}/{number}" for kind, number in zip(category, source.integers(count // 90, size=count), strict=True)
            ],
            "path": [f"data/01_raw/paper/{one}.wav" for one in hashes],
            "content_hash": hashes,
            "category": category,
            "duration_s": seconds,
            "sample_rate": 48_000,
            "channels": 2,
            "bandwidth_hz": source.uniform(8_000, 22_000, count).round(1),
            "licence": "",
            "official_split": "",
            "split": "",
            "start_s": 0.0,
            "end_s": seconds,
        }
    )
    manifest.to_parquet(folder / "manifest.parquet")
    split = source.choice(["train", "validation", "test"], count, p=[0.75, 0.1, 0.15])
    flac = [f"data/03_primary/paper/clips/{one[:16]}.{one[:12]}.flac" for one in hashes]
    clips = manifest.assign(split=split, flac=flac, samples=(seconds * SAMPLE_RATE).astype(int))
    clips.to_parquet(folder / "clips.parquet")
    windows = window_table(clips)
    sentence = "a slow warm bright voice of some piano over strings with rain and far drums in one large room"
    words = np.array(sentence.split())
    chosen = words[source.integers(len(words), size=(len(windows), 20))]
    windows[["clip_id", "window", "start_s"]].assign(caption=[" ".join(row) for row in chosen]).to_parquet(
        folder / "captions.parquet"
    )


def write_latents(
    segments: Segments, folder: Path, given: Parameters, shape: tuple[int, int] = (1, 1), tokens: int = 1
) -> None:
    """Shards of random latents of a shape, with captions of so many tokens: one, under as many names as a corpus has."""
    size, total = given.encode.shard_segments, segments.crops
    draws, width = given.degrade.draws or 1, TEXT_ENCODERS[given.model.text.encoder][0]
    shard = {
        "mean": torch.randn(size, *shape).half(),
        "z_l": torch.randn(size, draws, *shape).half(),
        "f_h": torch.rand(size),
        "f_l": torch.rand(size, draws),
        "valid": torch.full((size,), given.model.segment_samples),
        "text": torch.randn(size * tokens, width).bfloat16(),
        "text_end": tokens * torch.arange(1, size + 1),
    }
    if given.model.codec.name == "autoencoder":
        shard["deviation"] = torch.rand(size, *shape).half()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(shard, shard_path(folder, 0))
    for number in range(1, -(-total // size)):
        os.link(shard_path(folder, 0), shard_path(folder, number))
    (folder / INDEX).write_text(json.dumps({"crops": total, "shard_segments": size}))


@contextmanager
def timed(into: dict[str, float], what: str) -> Iterator[None]:
    start = time.process_time()
    yield
    into[what] = time.process_time() - start


def own_megabytes() -> float:
    """Memory that this process shares with no other: Private_Clean and Private_Dirty."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def driver(folder: Path) -> dict[str, float]:
    """What the process does once that runs the pipelines."""
    given, told = parameters(), {}
    with timed(told, "manifest: read"):
        manifest = pd.read_parquet(folder / "manifest.parquet")
    with timed(told, "manifest: splits"):
        assign_splits(manifest, given.seed)
    with timed(told, "manifest: data_version"):
        data_version(manifest, {})
    with timed(told, "clips and captions: read"):
        clips, captions = (pd.read_parquet(folder / f"{name}.parquet") for name in ("clips", "captions"))
    with timed(told, "key of the latents"):
        key_of("encode", given, "1", captions)
    with timed(told, "tables of the segments: write"):
        made = {split: make_segments(clips, captions, {}, given, split, folder / "tables") for split in SPLITS}
    for split, segments in made.items():
        write_latents(segments, folder / "latents" / split, given)
    told["MB, the driver's own memory"] = own_megabytes()
    told["kB, Segments pickled"] = len(pickle.dumps(made["train"])) / 1e3
    told["segments"] = float(slots_of(clips["samples"]).sum())
    told["windows"] = float(len(captions))
    return told


def opened(folder: Path) -> tuple[Segments, CachedSegments]:
    """What a training process does."""
    given = parameters()
    pd.read_parquet(folder / "clips.parquet")
    tables = {split: SegmentTable.open(table_path(folder / "tables", split)) for split in SPLITS}
    segments = {split: Segments(table, {}, given, split) for split, table in tables.items()}
    cached = {split: CachedSegments(one, folder / "latents" / split) for split, one in segments.items()}
    return segments["train"], cached["train"]


class Loader(Dataset):
    """A process that loads: draws of a dataset, and behind the last one how much memory is its own."""

    def __init__(self, draw: Callable[[int], Any]) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return DRAWS

    def __getitem__(self, index: int) -> float:
        self.draw(index)
        return own_megabytes() if index == DRAWS - 1 else 0.0


def crop_of(segments: Segments) -> Callable[[int], Any]:
    """A draw up to where audio would be low-passed."""

    def draw(number: int) -> Any:
        row, slot, k = segments.order.at(number)
        return segments.name(row, slot, segments.degradation(k)), segments.crop(row, slot, k)

    return draw


def training(folder: Path) -> dict[str, float]:
    """A training process and one that loads for it."""
    told: dict[str, float] = {}
    with timed(told, "training process: tables, Segments, CachedSegments"):
        segments, cached = opened(folder)
    with timed(told, "training process: first draw of every category"):
        for draw in range(len(segments.order.slots)):
            cached[draw]
    told["MB, training process beside what it imports"] = own_megabytes()
    for name, draw in {"Segments": crop_of(segments), "CachedSegments": cached.__getitem__}.items():
        told[f"MB, loader of {name}"] = float(next(iter(DataLoader(Loader(draw), num_workers=1, batch_size=DRAWS)))[-1])
    return told


def draws(folders: list[Path]) -> dict[str, list[float]]:
    """Milliseconds a draw takes, of every folder; in turns, since a machine's speed drifts."""
    held = [opened(folder) for folder in folders]
    told = {}
    for name in ("Segments", "CachedSegments"):
        taken: list[list[float]] = [[] for _ in held]
        for draw in range(DRAWS):
            for (segments, cached), seconds in zip(held, taken, strict=True):
                once: dict[str, float] = {}
                with timed(once, "draw"):
                    (crop_of(segments) if name == "Segments" else cached.__getitem__)(draw)
                seconds.append(once["draw"])
        told[f"ms, a draw of {name}"] = [1e3 * statistics.median(seconds[DRAWS // 10 :]) for seconds in taken]
    return told


def without_audio() -> None:
    silence = np.zeros((2, 600 * SAMPLE_RATE), np.float32)
    segments_module.read_audio = lambda path, start=0, samples=None: (silence[:, :samples].copy(), SAMPLE_RATE)  # type: ignore[assignment]


def mlflow_parameters() -> dict[str, float]:
    """Seconds that logging all parameters takes."""
    import mlflow

    from saga_kedro.tracking import flat

    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        told: dict[str, float] = {}
        with mlflow.start_run(), timed(told, "MLflow: parameters"):
            mlflow.log_params(flat(parameters().model_dump()))
    return told


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of work in a separate process, which shares with this one what it imported."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=lambda: there.send(work(*arguments)))
    process.start()
    there.close()
    result = here.recv()
    process.join()
    return result


def main() -> None:
    without_audio()
    whole = Path(tempfile.mkdtemp(prefix="paper_scale."))
    try:
        folders = [whole / str(hours) for hours in HOURS]
        rows: dict[str, list[float]] = {}
        for hours, folder in zip(HOURS, folders, strict=True):
            folder.mkdir()
            apart(write_tables, hours, folder)
            told = apart(driver, folder) | apart(training, folder) | apart(mlflow_parameters)
            for what, value in told.items():
                rows.setdefault(what, []).append(value)
        rows |= apart(draws, folders)
        table = pd.DataFrame(rows, index=[f"{hours} h" for hours in HOURS]).T
        print(table.assign(ratio=table.iloc[:, 1] / table.iloc[:, 0]).round(3).to_string())
    finally:
        shutil.rmtree(whole)
    start = sum(value[1] for what, value in rows.items() if what.startswith("training process"))
    own = max(value[1] for what, value in rows.items() if what.startswith("MB, loader"))
    slower = max(value[1] / value[0] for what, value in rows.items() if what.startswith("ms, a draw"))
    print(f"a training process begins in {start:.1f} s, at most {START_S:.0f}")
    print(f"a process that loads has {own / 1024:.2f} GB of its own, at most {OWN_GB:.0f}")
    print(f"a draw takes {slower:.2f} times what it takes of {HOURS[0]} h, at most {SLOWER}")
    if start > START_S or own > OWN_GB * 1024 or slower > SLOWER:
        sys.exit("That is over a bound.")


if __name__ == "__main__":
    main()
