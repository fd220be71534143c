"""A training step from cached latents against encoding online with the Oobleck VAE at its real width (random weights).

    .venv/bin/python benchmarks/cached_latents.py [--backbone base|paper] [--batch 2] [--repeats 3]

One process does both, on the same segments of the synthesised corpus: it writes a cache of conf/paper's shape (5.94 s, K
low-passes) into a temporary folder, then takes training steps (forward, backward, AdamW) whose batches come from audio, and
from the cache, in turn. The median of each is printed, and their ratio. `--backbone base` is conf/base's small DiT, for which
encoding weighs most; `paper` needs 25 GB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from paper_model import random_vae, read_parameters
from torch.utils.data import Dataset

from saga_kedro.captioning.windows import window_table
from saga_kedro.corpora.ingest import find_clips
from saga_kedro.corpora.resampled import resample
from saga_kedro.draws import generator
from saga_kedro.model.network import build_network
from saga_kedro.parameters import Parameters
from saga_kedro.training.examples import make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.latents import CachedSegments, Encoder, write_latents
from saga_kedro.training.segments import collate


class MadeUpStates:
    """T5-base's states of 40 tokens, drawn: text is encoded once in both cases, so it does not enter the comparison."""

    def encode(self, captions: list[str]) -> list[torch.Tensor]:
        return [torch.randn(40, 768, generator=generator("state", caption)) for caption in captions]


def demo_clips(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A few clips of the synthesised corpus, and made-up captions of their windows."""
    ingest = read_parameters().ingest.model_copy(update={"demo_minutes": 0.5})
    manifest, *_ = find_clips(ingest, [], 0, folder / "raw", folder / "findings")
    clips, _ = resample(manifest.assign(split="train").head(2), folder / "clips")
    windows = window_table(clips)
    return clips, windows.assign(caption="a sound of " + windows["clip_id"])


def step_times(training: FlowTraining, sources: dict[str, Dataset], batch_size: int, repeats: int) -> dict[str, list[float]]:
    """Seconds of each training step, reading included: the sources take turns, on the same draws; one turn is a warm-up."""
    optimizer: Any = training.configure_optimizers()
    optimizer = optimizer["optimizer"]
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for repeat in range(repeats + 1):
        for name, source in sources.items():
            start = time.perf_counter()
            batch = collate([source[repeat * batch_size + i] for i in range(batch_size)])
            loss = training.training_step(batch, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--backbone", choices=["base", "paper"], default="base")
    arguments.add_argument("--batch", type=int, default=1)
    arguments.add_argument("--repeats", type=int, default=3)
    chosen = arguments.parse_args()
    paper: Parameters = read_parameters("paper")
    parameters = paper.model_copy(update={"degrade": paper.degrade.model_copy(update={"draws": 1})})
    backbone = parameters.model.backbone if chosen.backbone == "paper" else read_parameters().model.backbone
    vae = random_vae()
    network = build_network(vae.latent_channels, 768, backbone.model_dump(), parameters.model.conditioning.model_dump())
    training = FlowTraining(network, vae, parameters.fit)
    encoder: Any = Encoder(vae, MadeUpStates(), torch.device("cpu"))  # type: ignore[arg-type]

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clips, captions = demo_clips(folder)
        states = dict(zip(captions["caption"], MadeUpStates().encode(list(captions["caption"])), strict=True))
        online = make_segments(clips, captions, states, parameters, "train")
        start = time.perf_counter()
        summary = write_latents(online, lambda: encoder, folder / "latents", 1, 64, workers=1)
        written = time.perf_counter() - start
        cached = CachedSegments(online, folder / "latents", parameters.model.text.max_tokens)
        seconds = step_times(training, {"online": online, "cached": cached}, chosen.batch, chosen.repeats)

    size = summary["bytes"] / summary["crops"]
    print(
        f"\ntorch {torch.__version__}, {torch.get_num_threads()} threads; conf/{chosen.backbone}'s DiT, batch {chosen.batch}, "
        f"{parameters.model.segment_samples} samples"
    )
    print(f"writing the cache: {written / summary['segments']:.2f} s and {size / 1e3:.0f} kB a segment (z_h, one z_l, text)")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"step, {name}: {median:.2f} s (of {chosen.repeats}: {min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    print(f"ratio: {medians['online'] / medians['cached']:.1f}")


if __name__ == "__main__":
    main()
