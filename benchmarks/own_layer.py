"""What our own layer costs: a training step against a bare forward and backward, a guided step against three bare forwards.

`python benchmarks/own_layer.py` prints times and their ratios: of the clock, for a quiet machine, and of the cores, the
processes that load included, which hold on a busy one too. Aims: a training step 1.4, with cached latents 1.1; a guided
step 1.05.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import mlflow
import pandas as pd
import psutil
import torch
from omegaconf import OmegaConf
from torch.utils.data import Dataset

from saga_kedro.captioning.captions import caption
from saga_kedro.corpora.ingest import find_clips
from saga_kedro.corpora.resampled import resample
from saga_kedro.model.condition import Condition
from saga_kedro.model.guidance import eq4
from saga_kedro.model.saga_sr import SagaSR, build_model
from saga_kedro.parameters import Parameters, changed, validate
from saga_kedro.training.batches import SegmentBatches
from saga_kedro.training.callbacks import RunLogger, StepLog, Throughput
from saga_kedro.training.encode import encode_captions, encode_latents, read_states
from saga_kedro.training.examples import SPLITS, make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.latents import CachedSegments

ROUNDS, STEPS, WARM_UP = 4, 8, 3


class StepTimes(pl.Callback):
    """Times at the end of each batch: data, encoding, loss, backward, optimiser, EMA, logging lie between two of them."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def on_train_batch_end(self, *_: object) -> None:
        self.ends.append((time.perf_counter(), core_seconds()))

    def means(self) -> tuple[float, float]:
        (began, before), (ended, after) = self.ends[WARM_UP - 1], self.ends[-1]
        return (ended - began) / (len(self.ends) - WARM_UP), (after - before) / (len(self.ends) - WARM_UP)


def core_seconds() -> float:
    """Seconds of all cores that this process and those that load for it have taken."""
    return sum(sum(process.cpu_times()[:2]) for process in [psutil.Process(), *psutil.Process().children()])


def timed(work: Callable[[], object], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def parameters(cached: bool) -> Parameters:
    base = OmegaConf.to_container(OmegaConf.load(Path(__file__).parents[1] / "conf/base/parameters.yml"))
    cache = {"degrade.draws": 2, "encode.latents": True} if cached else {}
    return changed(validate(base), {"fit.steps": STEPS, "fit.steps_per_epoch": STEPS} | cache)  # type: ignore[arg-type]


def prepared(
    folder: Path, given: Parameters, minutes: float = 2.0
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, torch.Tensor], str | None]:
    """Some minutes of the demo corpus: clips, captions, their states, and the folder of latents if ``given`` asks for them."""
    ingest = given.ingest.model_copy(update={"demo_minutes": minutes})
    manifest, *_ = find_clips(ingest, [], given.seed, folder / "raw", folder / "findings")
    clips, _ = resample(manifest, folder / "clips")
    captions = caption(clips, given.caption, folder / "captions")
    index = encode_captions(captions["caption"], given.model.text, folder / "states.safetensors")
    states = read_states(index, folder / "states.safetensors")
    return clips, captions, states, encode_latents(clips, captions, "1", given, folder / "latents")["folder"]


def batches_of(folder: Path, cached: bool) -> SegmentBatches:
    """Batches of two minutes of the demo corpus, encoded already or not."""
    given = parameters(cached)
    clips, captions, states, latents = prepared(folder, given)
    segments: list[Dataset] = [make_segments(clips, captions, states, given, split) for split in SPLITS]
    if latents:
        segments = [CachedSegments(one, Path(latents) / split) for one, split in zip(segments, SPLITS, strict=True)]  # type: ignore[arg-type]
    return SegmentBatches(segments[0], segments[1], given.fit)


def steps_of(batches: SegmentBatches, model: SagaSR, run_id: str, folder: Path) -> tuple[float, float]:
    """Seconds a training step takes: of the clock, and of the cores."""
    times, fit = StepTimes(), parameters(False).fit
    pl.Trainer(
        max_steps=STEPS,
        max_epochs=-1,
        limit_val_batches=0,
        logger=RunLogger(run_id),
        log_every_n_steps=fit.log_every,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[StepLog(fit.log_every), Throughput(fit.log_every), times],
        default_root_dir=folder,
    ).fit(FlowTraining(model.network, model.codec, fit), datamodule=batches)
    return times.means()


def main() -> None:
    given = parameters(False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        run = mlflow.MlflowClient().create_run(mlflow.create_experiment("benchmark"))
        model = build_model(given)
        network, codec = model.network, model.codec
        shape = (given.fit.batch_size, codec.latent_channels, given.model.segment_samples // codec.hop)
        z, t = torch.randn(shape), torch.rand(shape[0])
        text = torch.randn(shape[0], given.model.text.max_tokens, network.text_width)
        condition = Condition(z, text, torch.rand(shape[0]), torch.rand(shape[0]))
        with torch.no_grad():
            inputs = network.inputs(condition)

        def forward_and_backward() -> None:
            network.dit(z, t, **inputs, use_checkpointing=False).square().mean().backward()
            network.zero_grad()

        rows = {"online": batches_of(folder, False), "with cached latents": batches_of(folder, True)}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ("bare", *rows)}
        for _ in range(ROUNDS):  # in turn: a machine's speed drifts
            for name, batches in rows.items():
                taken[name].append(steps_of(batches, model, run.info.run_id, folder))
                forward_and_backward()
                began, before = time.perf_counter(), core_seconds()
                for _ in range(STEPS // 2):
                    forward_and_backward()
                spent = time.perf_counter() - began, core_seconds() - before
                taken["bare"].append((spent[0] / (STEPS // 2), spent[1] / (STEPS // 2)))
        clock, cores = ({name: statistics.median(one[k] for one in times) for name, times in taken.items()} for k in (0, 1))
        print(f"bare forward and backward {clock['bare']:.3f} s, {cores['bare']:.3f} s of cores")
        for name in rows:
            print(
                f"training step {name} {clock[name]:.3f} s, ratio {clock[name] / clock['bare']:.2f}; "
                f"{cores[name]:.3f} s of cores, ratio {cores[name] / cores['bare']:.2f}"
            )

        one = condition[slice(0, 2)]
        with torch.no_grad():
            bare_inputs = network.inputs(one)
            three, guided = [], []
            for _ in range(ROUNDS * STEPS):
                three += timed(lambda: [network.dit(z[:2], t[:2], **bare_inputs) for _ in range(3)], 1)
                guided += timed(lambda: eq4(network, z[:2], t[:2], one, 1.4, 1.2), 1)
        ours, theirs = statistics.median(guided[WARM_UP:]), statistics.median(three[WARM_UP:])
        print(f"guided step {ours:.3f} s, three bare forwards {theirs:.3f} s: ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
