"""What our own layer costs: a training step against a bare forward and backward, a guided step against three bare forwards.

Run it on a quiet machine: `python benchmarks/own_layer.py`. It prints medians in seconds and their ratios; aims: 1.15 and 1.05.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import mlflow
import torch
from omegaconf import OmegaConf

from saga_kedro.captioning.sources import captions_of
from saga_kedro.corpora.ingest import ingest_source
from saga_kedro.corpora.resampled import resample_clips
from saga_kedro.model.condition import Condition
from saga_kedro.model.guidance import eq4
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Parameters, validate
from saga_kedro.training.callbacks import GradientNorms, Throughput
from saga_kedro.training.fit import SegmentBatches, make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.run_logger import RunLogger
from saga_kedro.training.text_states import encode_captions, read_states

STEPS = 40
WARM_UP = 5


class StepTimes(pl.Callback):
    """Wall time from the end of one batch to the end of the next: data, encoding, loss, backward, optimiser, EMA, logging."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: object) -> None:
        self.ends.append(time.perf_counter())

    def seconds(self) -> list[float]:
        return [later - sooner for sooner, later in zip(self.ends[WARM_UP:], self.ends[WARM_UP + 1 :], strict=False)]


def timed(work: Callable[[], object], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def parameters() -> Parameters:
    base = OmegaConf.load(Path(__file__).parents[1] / "conf/base/parameters.yml")
    return validate(OmegaConf.to_container(base) | {})  # type: ignore[operator]


def training(given: Parameters, folder: Path) -> tuple[FlowTraining, SegmentBatches]:
    """A model and its batches, on two minutes of the demo corpus."""
    ingest = given.ingest.model_dump() | {"demo_minutes": 2.0}
    manifest, _, _ = ingest_source(ingest, given.seed, folder / "raw", folder / "findings")
    clips, _ = resample_clips(manifest, folder / "clips")
    captions = captions_of(clips, given.caption, folder / "captions")
    index = encode_captions(captions["caption"], given.model.text.model_dump(), folder / "states.safetensors")
    states = read_states(index, folder / "states.safetensors")
    model = SagaSR(given.model.model_dump() | {"sample": given.sample.model_dump()})
    batches = SegmentBatches(
        *(make_segments(clips, captions, states, given, split) for split in ("train", "validation")), given
    )
    return FlowTraining(model.network, model.codec, given.fit), batches


def main() -> None:
    given = parameters()
    given = given.model_copy(update={"fit": given.fit.model_copy(update={"steps": STEPS, "steps_per_epoch": STEPS})})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        run = mlflow.MlflowClient().create_run(mlflow.create_experiment("benchmark"))
        module, batches = training(given, folder)
        network, codec = module.network, module.codec
        frames = given.model.segment_samples // codec.hop
        shape = (given.fit.batch_size, codec.latent_channels, frames)
        z, t = torch.randn(shape), torch.rand(shape[0])
        text = torch.randn(shape[0], given.model.text.max_tokens, network.text_width)
        condition = Condition(z, text, torch.rand(shape[0]), torch.rand(shape[0]))
        with torch.no_grad():
            inputs = network.inputs(condition)

        def forward_and_backward() -> None:
            network.dit(z, t, **inputs, use_checkpointing=False).square().mean().backward()
            network.zero_grad()

        bare = timed(forward_and_backward, WARM_UP + STEPS // 2)[WARM_UP:]
        times = StepTimes()
        trainer = pl.Trainer(
            max_steps=STEPS,
            max_epochs=-1,
            limit_val_batches=0,
            logger=RunLogger(run.info.run_id),
            log_every_n_steps=given.fit.log_every,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=[GradientNorms(given.fit.log_every), Throughput(given.fit.log_every), times],
            default_root_dir=folder,
        )
        trainer.fit(module, datamodule=batches)
        bare += timed(forward_and_backward, STEPS // 2)
        step, alone = statistics.median(times.seconds()), statistics.median(bare)
        print(f"training step {step:.3f} s, bare forward and backward {alone:.3f} s: ratio {step / alone:.2f}")

        one = condition[slice(0, 2)]
        with torch.no_grad():
            bare_inputs = network.inputs(one)
            three, guided = [], []
            for _ in range(STEPS):  # in turn: a machine's speed drifts
                three += timed(lambda: [network.dit(z[:2], t[:2], **bare_inputs) for _ in range(3)], 1)
                guided += timed(lambda: eq4(network, z[:2], t[:2], one, 1.4, 1.2), 1)
        ours, theirs = statistics.median(guided[WARM_UP:]), statistics.median(three[WARM_UP:])
        print(f"guided step {ours:.3f} s, three bare forwards {theirs:.3f} s: ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
