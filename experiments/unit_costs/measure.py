"""Unit costs of this machine, timed in about a minute: on a few synthesised sounds, with this project's own code.

.venv/bin/python experiments/unit_costs/measure.py [--env paper]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio, write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import resample
from saga_kedro.captioning.descriptors import DescriptorCaptioner
from saga_kedro.corpora.demo import plan as demo_clips
from saga_kedro.corpora.demo import synthesise
from saga_kedro.corpora.examine import examine
from saga_kedro.corpora.manifest import Source
from saga_kedro.evaluation.score import METRICS
from saga_kedro.model.codec import build_codec
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, Autoencoder, build_autoencoder
from saga_kedro.model.network import SagaNetwork
from saga_kedro.parallel.worker import one_thread
from saga_kedro.parameters import Parameters
from saga_kedro.pipelines.configuration import read_parameters, read_unit_costs
from saga_kedro.scale.costs import UnitCosts, amount, precision_of, unit, unit_costs
from saga_kedro.scale.sizes import dit
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Segments

LEAST_SECONDS = 1.0  # of each measurement
CLIP_S = 6.0  # of the sounds: a window's length
CPU_BLOCKS, CPU_ITEMS = 1, 4  # of a wide network on a CPU: operations per second are a block's, and all 24 would take minutes
CPU_WIDTH = 512  # up to this wide it is measured whole
VAE_SECONDS = 0.75  # of audio that the VAE encodes at a time on a CPU


class Stopwatch:
    """How long work takes: of one core, by processor time; of a GPU, by the clock."""

    def __init__(self) -> None:
        self.gpu = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.gpu else "cpu")

    def seconds(self, work: Callable[[], object], on_gpu: bool = False) -> float:
        """Mean seconds of ``work``, repeated; the first call does not count."""
        now = time.perf_counter if on_gpu else time.process_time
        work()
        times, start = 0, self._now(now, on_gpu)
        while not times or self._now(now, on_gpu) - start < LEAST_SECONDS:
            work()
            times += 1
        return (self._now(now, on_gpu) - start) / times

    @staticmethod
    def _now(clock: Callable[[], float], on_gpu: bool) -> float:
        if on_gpu:
            torch.cuda.synchronize()
        return clock()


def measure(parameters: Parameters, known: UnitCosts) -> tuple[UnitCosts, list[str]]:
    """The unit costs, with those that this configuration needs and this machine can tell measured anew.

    Where there is a GPU, codec and training step are measured on it, else on one core. Weights are random: they do not change
    how long anything takes. Captions by Qwen2-Audio are not measured: they need its 16 GB.

    Args:
        parameters: of the environment.
        known: what is kept where nothing is measured.

    Returns:
        The unit costs, and which of them are new, as ``group.name``.
    """
    watch = Stopwatch()
    cores: dict[str, Any] = {}
    gpu: dict[str, float] = {}
    with one_thread(), tempfile.TemporaryDirectory() as temporary:
        sounds = _Sounds(Path(temporary), parameters)
        jobs = _core_jobs(sounds, parameters)
        last = [("codec", _measure_codec), ("training step", _measure_training)]
        with tqdm(total=len(jobs) + len(last), desc="measure", unit="cost") as bar:
            for name, work, seconds in jobs:
                bar.set_postfix_str(name)
                cores[name] = watch.seconds(work) / seconds
                bar.update()
            for name, job in last:
                bar.set_postfix_str(name)
                on_core, on_gpu = job(watch, parameters, known)
                cores, gpu = cores | on_core, gpu | on_gpu
                bar.update()
    costs = known.model_copy(
        update={"cores": known.cores.model_copy(update=cores), "gpu": known.gpu.model_copy(update=gpu)},
    )
    return costs, [*(f"cores.{name}" for name in cores), *(f"gpu.{name}" for name in gpu)]


class _Sounds:
    """A clip of each category as a file at 44.1 kHz, and segments that are drawn from them."""

    def __init__(self, folder: Path, parameters: Parameters) -> None:
        self.folder, rows = folder, []
        chosen = {clip.category: clip for clip in demo_clips(0, 10.0)}
        for category, clip in chosen.items():
            audio = synthesise(replace(clip, samples=round(CLIP_S * SAMPLE_RATE)), 0)
            path = folder / f"{category}.flac"
            write_audio(path, audio, SAMPLE_RATE)
            rows.append(
                {"clip_id": category, "group": category, "category": category, "bandwidth_hz": 20_000.0, "flac": str(path)}
                | {"samples": audio.shape[1]}
            )
        self.clips = pd.DataFrame(rows)
        self.paths = [Path(path) for path in self.clips["flac"]]
        self.audio = [read_audio(path)[0] for path in self.paths]
        captions = pd.DataFrame({"clip_id": self.clips["clip_id"], "window": 0, "caption": ""})
        degrade = parameters.degrade.model_copy(update={"draws": parameters.degrade.draws or 1})
        drawn = parameters.model_copy(update={"degrade": degrade})
        self.segments = Segments(SegmentTable.of_frames(self.clips, captions), {}, drawn, "train")
        self.number = 0

    def next(self) -> int:
        """Which of the three sounds is to come: they take turns."""
        self.number += 1
        return self.number % len(self.paths)


def _core_jobs(sounds: _Sounds, parameters: Parameters) -> list[tuple[str, Callable[[], object], float]]:
    """Name of each cost, the work behind it, and its seconds of audio."""
    target, caption = sounds.folder / "written.flac", DescriptorCaptioner()
    segment_s = parameters.model.segment_samples / SAMPLE_RATE
    eighth = LowPass("chebyshev", parameters.degrade.order, 4000)
    crop = sounds.segments.crop(0, 0, 0)

    def resampled() -> None:
        audio, _ = read_audio(sounds.paths[sounds.next()])
        write_audio(target, resample(audio, 48_000, SAMPLE_RATE), SAMPLE_RATE)

    def pair() -> None:
        audio, _ = read_audio(sounds.paths[sounds.next()])
        write_audio(target, low_pass(audio, SAMPLE_RATE, eighth), SAMPLE_RATE)
        write_audio(target, audio, SAMPLE_RATE)

    def heard() -> None:
        low = sounds.segments.degraded(crop, (sounds.next(),))
        sounds.segments.measure_rolloff(torch.from_numpy(low.astype(np.float32))[None])

    def scored(names: set[str]) -> Callable[[], object]:
        from saga_kedro.audio.metrics import lsd_family

        def work() -> None:
            reference, estimate = sounds.audio[sounds.next()], sounds.audio[0]
            if "ViSQOL" not in names:
                lsd_family(reference, estimate, 4000.0)
            for name in sorted(names & METRICS.keys()):
                METRICS[name](reference, estimate)

        return work

    plain = set(parameters.evaluate.metrics) - {"ViSQOL", "ViSQOL_speech"}
    jobs: list[tuple[str, Callable[[], object], float]] = [
        ("examine", lambda: examine(Source(sounds.paths[sounds.next()], "music", "g")), CLIP_S),
        ("resample", resampled, CLIP_S * 44_100 / 48_000),
        ("pair", pair, CLIP_S),
        ("crop", lambda: sounds.segments.crop(sounds.next(), 0, 0), segment_s),
        ("low_pass", heard, segment_s),
        ("score", scored(plain), CLIP_S),
    ]
    if parameters.caption.source == "descriptors":
        jobs.append(("describe", lambda: caption([sounds.audio[sounds.next()]], SAMPLE_RATE), CLIP_S))
    if "ViSQOL" in parameters.evaluate.metrics:
        jobs.append(("visqol", scored({"ViSQOL"}), CLIP_S))
    return jobs


def _measure_codec(watch: Stopwatch, parameters: Parameters, known: UnitCosts) -> tuple[dict[str, Any], dict[str, float]]:
    options = parameters.model.codec.model_dump()
    vae = options["name"] == "autoencoder"
    codec: Any = Autoencoder(*build_autoencoder(STABLE_AUDIO_OPEN_VAE)) if vae else build_codec(**options)
    on_gpu = vae and watch.gpu
    items, samples = (
        (parameters.encode.batch_size, parameters.model.segment_samples)
        if on_gpu or not vae
        else (1, round(VAE_SECONDS * SAMPLE_RATE))
    )
    device = watch.device if on_gpu else torch.device("cpu")
    codec, audio = codec.to(device), torch.randn(items, 2, samples, device=device) * 0.1
    seconds = watch.seconds(lambda: codec.encode(audio), on_gpu) / (items * samples / SAMPLE_RATE)
    if on_gpu:
        return {}, {"vae_seconds": 1 / seconds}
    return {"vae" if vae else "codec": seconds}, {}


def _measure_training(watch: Stopwatch, parameters: Parameters, known: UnitCosts) -> tuple[dict[str, Any], dict[str, float]]:
    """A step from cached latents: forward, backward, AdamW, average."""
    shape, fit, device = dit(parameters.model), parameters.fit, watch.device
    wide = shape.width > CPU_WIDTH and not watch.gpu
    shape = replace(shape, depth=min(shape.depth, CPU_BLOCKS)) if wide else shape
    backbone = parameters.model.backbone.model_dump() | {"depth": shape.depth}
    network = SagaNetwork(shape.channels, shape.text_width, **backbone, **parameters.model.conditioning.model_dump())
    nothing_to_encode: Any = SimpleNamespace(hop=-(-parameters.model.segment_samples // shape.frames))
    training = FlowTraining(network, nothing_to_encode, fit).to(device)
    training.log = lambda *arguments, **named: None  # type: ignore[method-assign]
    optimizer: Any = training.configure_optimizers()
    optimizer, items = optimizer["optimizer"], min(fit.batch_size, CPU_ITEMS) if wide else fit.batch_size
    latent, text = (items, shape.channels, shape.frames), (items, shape.context - 2, shape.text_width)
    batch = {
        "name": [str(item) for item in range(items)],
        "z_h_mean": torch.randn(latent, device=device),
        "z_h_deviation": torch.ones(latent, device=device),
        "z_l": torch.randn(latent, device=device),
        "valid": torch.full((items,), parameters.model.segment_samples, device=device),
        "text": torch.randn(text, device=device),
        "f_l": torch.rand(items, device=device),
        "f_h": torch.rand(items, device=device),
    }
    precision = precision_of(fit.precision)
    half = torch.float16 if fit.precision == "16-mixed" else torch.bfloat16

    def step() -> None:
        with torch.autocast(device.type, half) if precision == "bf16" else nullcontext():
            loss = training.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        training.ema.update()

    operations = shape.training_flops(backbone["checkpointing"]) * items
    rate = operations / watch.seconds(step, watch.gpu)
    if not watch.gpu:
        return {"gflops": known.cores.gflops.model_copy(update={precision: rate / 1e9})}, {}
    return {}, {"utilisation": min(1.0, rate / 1e12 / getattr(known.gpu.peak_tflops, precision))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="base", help="the configuration to measure for: a folder of conf/")
    project, env = Path(__file__).parents[2], parser.parse_args().env
    costs, fresh = measure(read_parameters(project, env), unit_costs(read_unit_costs(project, env)))
    print("For conf/base/plan.yml:")
    for name in fresh:
        print(f"  {name}: {amount(costs, name)}  # {unit(costs, name)}")


if __name__ == "__main__":
    main()
