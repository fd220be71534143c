"""The paper's configuration on one CUDA device, in less than eight minutes: is it right, how fast, and in how much memory?

    python benchmarks/on_gpu.py [--out on_gpu.json] [--parts correct step vae sampling captions more] [--tiny]

It needs no network and no pretrained weights: they are random, in their true shapes. The file of results is written anew after
each measurement, so an interrupted run keeps what it has. --tiny goes the same way at small sizes, on a CPU too; its times say
nothing.
"""

import argparse
import copy
import gc
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from own_layer import prepared
from paper_scale import write_latents
from safetensors.torch import load_file, save_file
from torch import nn

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.reading import from_array
from saga_kedro.audit.observe import Curve, read_curve
from saga_kedro.captioning.qwen2_audio import Qwen2AudioCaptioner
from saga_kedro.draws import rng
from saga_kedro.files import atomic_path
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, Autoencoder, build_autoencoder
from saga_kedro.model.loading import load_model
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.super_resolver import Stretch, SuperResolver
from saga_kedro.model.text import TextEncoder
from saga_kedro.model.treatment import Treatment
from saga_kedro.parameters import Parameters, changed
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.scale.sizes import dit
from saga_kedro.training import fit as fitting
from saga_kedro.training.examples import SPLITS, make_segments

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from tiny_checkpoints import qwen2_audio_processor  # noqa: E402

PEAK_TFLOPS = {"H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312}
"""10^12 operations per second in bfloat16, dense, of NVIDIA's data sheets; of another device, what a large product reaches."""
WARM_UP, STEPS = 4, 12  # of a training: steps that do not count, and those that do
CAPTION_TOKENS = 40
CUTOFF = Treatment(4_000.0, True, "asked for")


class TimeUp(BaseException):
    """A part has used its time. Nothing that catches errors catches it."""


class Enough(Exception):
    """The steps to be timed are done: a training that ends here saves nothing."""


class Bench:
    """Where it runs, at which sizes, and what was found so far."""

    def __init__(self, out: Path, tiny: bool, folder: Path) -> None:
        self.out, self.tiny, self.folder = out, tiny, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.part = ""
        self.found: dict[str, Any] = {"tiny": tiny, "device": described(self.device), "parts": {}}

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    def save(self) -> None:
        with atomic_path(self.out) as temporary:
            temporary.write_text(json.dumps(self.found, indent=1))

    def row(self, **values: Any) -> None:
        """Keep a measurement."""
        self.found["parts"][self.part].setdefault("rows", []).append(values)
        self.save()
        say("  " + ", ".join(f"{name} {shown(value)}" for name, value in values.items()))

    @contextmanager
    def attempt(self, **what: Any) -> Iterator[None]:
        """An error inside becomes the row ``what``, and the next measurement follows."""
        try:
            yield
        except Exception as error:
            self.row(**what, error=sentence(error))
        finally:
            self.tidy()

    def tidy(self) -> None:
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def peak_gib(self) -> float | None:
        return torch.cuda.max_memory_allocated() / 2**30 if self.on_gpu else None

    def seconds(self, work: Callable[[], object], least: float = 1.5) -> float:
        """Mean seconds of ``work``, repeated for at least so long; the first call does not count."""
        work()
        self.wait()
        times, start = 0, time.perf_counter()
        while not times or time.perf_counter() - start < (0.1 if self.tiny else least):
            work()
            self.wait()
            times += 1
        return (time.perf_counter() - start) / times

    @cached_property
    def peak_tflops(self) -> float:
        known = (value for name, value in PEAK_TFLOPS.items() if name in self.found["device"]["name"])
        size = 8_192 if self.on_gpu else 512
        a = torch.randn(size, size, device=self.device, dtype=torch.bfloat16)
        reached = 2 * size**3 / self.seconds(lambda: a @ a) / 1e12
        self.found["device"]["product_tflops"] = reached
        return next(known, reached)

    @cached_property
    def paper(self) -> Parameters:
        """conf/paper on one device, with a VAE of random weights, and nothing to start from."""
        config = copy.deepcopy(STABLE_AUDIO_OPEN_VAE)
        changes: dict[str, Any] = {"fit.start": "scratch", "model.codec.path": (self.folder / "vae").as_posix()}
        if self.tiny:
            for half in ("encoder", "decoder"):
                config["model"][half]["config"]["channels"] = 2
            small = {"backbone.embed_dim": 64, "backbone.depth": 2, "backbone.num_heads": 2, "text.max_tokens": 8}
            changes |= {f"model.{name}": value for name, value in (small | {"segment_samples": 32_768}).items()}
        vae, _ = build_autoencoder(config)
        (self.folder / "vae").mkdir()
        (self.folder / "vae/model_config.json").write_text(json.dumps(config))
        save_file({name: value.contiguous() for name, value in vae.state_dict().items()}, self.folder / "vae/model.safetensors")
        return self.alone(read_parameters(ROOT, "paper"), changes)

    def alone(self, given: Parameters, changes: Mapping[str, Any]) -> Parameters:
        """A training on this one device, which is not validated."""
        one = {"fit.devices": 1, "fit.nodes": 1, "fit.strategy": "auto", "fit.accelerator": "gpu" if self.on_gpu else "cpu"}
        few = {"fit.accumulate": 1, "fit.rolloff_draws": 8, "fit.log_every": 50, "encode.shard_segments": 256}
        longest = {"fit.steps": 10_000, "fit.steps_per_epoch": 10_000}
        return changed(given, one | few | longest | dict(changes))


def correct(bench: Bench) -> None:
    """The tiny configuration on both devices, 50 steps; bfloat16; stopped and resumed; the bundled model."""
    given = changed(
        bench.alone(read_parameters(ROOT, "base"), {}),
        {
            "degrade.draws": 2, "encode.latents": True, "fit.accelerator": "cpu",  # both train from what the CPU encodes
            "model.segment_samples": 32_768, "model.backbone.embed_dim": 64, "model.backbone.depth": 2,
            "model.backbone.num_heads": 2, "fit.steps": 50, "fit.steps_per_epoch": 25, "fit.workers": 0,
            "fit.validation_segments": 8, "sample.steps": 16,
        },
    )  # fmt: skip
    corpus = prepared(bench.folder / "demo", given, minutes=0.5)
    here = given.model_copy(update={"fit": given.fit.model_copy(update={"accelerator": "gpu" if bench.on_gpu else "cpu"})})

    def trained(parameters: Parameters, name: str, stop: int | None = None) -> tuple[np.ndarray, Path]:
        place = bench.folder / name
        clips, captions, states, latents = corpus
        callbacks: list[pl.Callback] = [Curve(place / "curve.jsonl"), *([Stop(stop)] if stop else [])]
        fitting.fit(clips, captions, states, parameters, place, "1", callbacks=callbacks, latents=latents)
        return read_curve(place)["loss"].dropna().to_numpy(), place

    def held(what: str, value: float, limit: float) -> None:
        bench.row(what=what, value=value, limit=limit, holds=bool(value <= limit))

    losses, on_cpu = trained(given, "cpu")
    ours, whole = trained(here, "whole")
    held("losses of 50 steps in 32 bits, largest difference", float(np.abs(ours - losses).max()), 1e-4)
    audio = 0.1 * rng("on gpu").standard_normal((2, 3 * SAMPLE_RATE)).astype(np.float32)
    z = [sampled(SagaSR.from_pretrained(*one), audio) for one in ((on_cpu, "cpu"), (whole, str(bench.device)))]
    held("sampled latents in 32 bits, dB", difference_db(z[1], z[0]), -60.0)
    halves, _ = trained(changed(here, {"fit.precision": "bf16-mixed"}), "bf16")
    held("loss of the last 5 steps in bf16-mixed, relative", float(abs(halves[-5:].mean() / losses[-5:].mean() - 1)), 0.02)
    try:
        trained(here, "parts", stop=30)
    except Enough:
        trained(here, "parts")
    resumed, kept = (load_file(bench.folder / name / "model.safetensors") for name in ("parts", "whole"))
    held("stopped and resumed at step 25, weights that differ", sum(not torch.equal(resumed[n], kept[n]) for n in kept), 0)
    theirs = SagaSR.from_pretrained().super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000.0)
    for what, load in {
        "PyTorch": lambda: SagaSR.from_pretrained(device=bench.device),
        "ONNX Runtime": lambda: onnx_model(bench.device.type),
    }.items():
        with bench.attempt(what=f"bundled model, {what}"):
            high = load().super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000.0)
            held(f"bundled model, {what}, dB", difference_db(high, theirs), -60.0)


class Stop(pl.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise Enough


def onnx_model(device: str) -> SuperResolver:
    from saga_kedro.model.onnx_model import devices

    if device not in devices():
        raise ValueError(f"ONNX Runtime computes on {', '.join(devices())} here, not on {device}.")
    return load_model(None, device)


def stretch_of(model: SuperResolver, audio: np.ndarray) -> Stretch:
    return next(iter(model.stretches(from_array(audio), audio.shape[1], CUTOFF)))


def sampled(model: SagaSR, audio: np.ndarray) -> np.ndarray:
    return model.generate(stretch_of(model, audio)).cpu().numpy()


def difference_db(one: np.ndarray, other: np.ndarray) -> float:
    """Energy of the difference under the energy of ``other``; -300 where they are equal."""
    return 10 * math.log10(float(np.sum((one - other) ** 2)) / float(np.sum(other**2)) + 1e-30)


class Split(pl.Callback):
    """Marks where the parts of a step end, on the device's clock (a CPU's is processor time), and ends the training."""

    def __init__(self, gpu: bool, steps: int) -> None:
        self.gpu, self.steps = gpu, steps
        self.marks: list[tuple[int, str, Any]] = []
        self.step, self.done = 0, False

    def mark(self, name: str) -> None:
        """Here ends what ``name`` says."""
        now: Any = time.process_time()
        if self.gpu:
            now = torch.cuda.Event(enable_timing=True)
            now.record()
        self.marks.append((self.step, name, now))

    def on_train_start(self, trainer: pl.Trainer, *_: object) -> None:
        trainer.optimizers[0].register_step_post_hook(lambda *_: self.mark("AdamW"))

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        self.step = trainer.global_step
        self.mark("loading")

    def on_before_zero_grad(self, *_: object) -> None:
        self.mark("forward")

    def on_before_backward(self, *_: object) -> None:
        self.mark("average")

    def on_after_backward(self, *_: object) -> None:
        self.mark("backward")

    def on_before_optimizer_step(self, *_: object) -> None:
        self.mark("other")

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        self.mark("other")
        self.done = trainer.global_step >= self.steps
        if self.done:
            raise Enough

    def milliseconds(self) -> dict[str, float]:
        """Of a step, by part."""
        if self.gpu:
            torch.cuda.synchronize()
        taken: dict[str, float] = {}
        for (_, _, before), (step, name, now) in zip(self.marks, self.marks[1:], strict=False):
            if step >= WARM_UP:
                spent = before.elapsed_time(now) if self.gpu else 1e3 * (now - before)
                taken[name] = taken.get(name, 0.0) + spent / (self.steps - WARM_UP)
        return taken


def timed_training(bench: Bench, given: Parameters, **what: Any) -> None:
    """Some steps of `training.fit` from a cache of random latents: a row with ``what``, its speed, its memory and its split."""
    with bench.attempt(**what):
        place = Path(tempfile.mkdtemp(dir=bench.folder))
        clips, captions = clips_of(given)
        for split in SPLITS:
            write_latents(
                make_segments(clips, None, {}, given, split), place / split, given, latent_shape(given), CAPTION_TOKENS
            )
        split = Split(bench.on_gpu, WARM_UP + (2 if bench.tiny else STEPS))
        build = patch.object(fitting, "build_model", lambda given, texts: quick_model(bench, given, texts))
        with build:
            try:
                fitting.fit(clips, captions, {}, given, place / "fit", "1", callbacks=[split], latents=place)
            except (Enough, RuntimeError):  # PyTorch complains of a loader that takes long to end
                if not split.done:
                    raise
        parts = split.milliseconds()
        whole_s = sum(parts.values()) / 1e3
        flops = dit(given.model).training_flops(given.model.backbone.checkpointing) * given.fit.batch_size
        tflops = flops / whole_s / 1e12
        bench.row(
            **what, segments_per_s=given.fit.batch_size / whole_s, tflops=tflops, of_peak=tflops / bench.peak_tflops,
            peak_gib=bench.peak_gib(), step_ms=1e3 * whole_s, **{f"{name}_ms": value for name, value in parts.items()},
        )  # fmt: skip
        shutil.rmtree(place)


def clips_of(given: Parameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of 300 clips without audio, and of their captions."""
    category = np.array(["speech", "music", "effects"])[np.arange(300) % 3]
    names = [f"{kind}{number}" for number, kind in enumerate(category)]
    clips = pd.DataFrame({"clip_id": names, "group": names, "category": category, "bandwidth_hz": 22_000.0, "flac": ""})
    clips = clips.assign(samples=10 * SAMPLE_RATE, split=np.where(np.arange(300) < 250, "train", "validation"))
    return clips, pd.DataFrame({"clip_id": names, "window": 0, "start_s": 0.0, "caption": "a sound"})


def latent_shape(given: Parameters) -> tuple[int, int]:
    network = dit(given.model)
    return network.channels, network.frames


class RandomStates(TextEncoder):
    """States as long as a caption's, of no text."""

    def __init__(self, tokens: int, width: int) -> None:
        nn.Module.__init__(self)
        self.name, self.max_tokens, self.width, self.tokens = "t5", tokens, width, min(tokens, CAPTION_TOKENS)
        self.__dict__["model"] = nn.Identity()

    def encode(self, texts: Sequence[str]) -> list[torch.Tensor]:
        return [torch.randn(self.tokens, self.width) for _ in texts]


def quick_model(bench: Bench, given: Parameters, texts: TextEncoder | None = None) -> SagaSR:
    """The model with weights that the device draws: `build_model`'s named draws take a minute, and no step."""
    text = texts or RandomStates(given.model.text.max_tokens, dit(given.model).text_width)
    with torch.device(bench.device):
        return SagaSR(given.model.model_dump() | {"sample": given.sample.model_dump()}, text_encoder=text)


def step(bench: Bench) -> None:
    """A training step at the paper's size, through `training.fit`."""
    for checkpointing in (True, False):
        for batch in (2, 4) if bench.tiny else (8, 16, 32):
            given = changed(bench.paper, {"model.backbone.checkpointing": checkpointing, "fit.batch_size": batch})
            given = changed(given, {"fit.workers": 1}) if bench.tiny else given
            timed_training(bench, given, batch=batch, checkpointing=checkpointing)


def vae(bench: Bench) -> None:
    """Seconds of stereo audio that the VAE encodes and decodes in a second."""
    bench.paper  # noqa: B018  writes the VAE
    for bits, dtype in ((32, torch.float32), (16, torch.bfloat16)):
        codec = Autoencoder.load(bench.folder / "vae").to(bench.device, dtype)
        for batch in (1, 2) if bench.tiny else (1, 4, 16):
            with bench.attempt(batch=batch, bits=bits):
                bench.row(batch=batch, bits=bits, **coded(bench, codec, batch), peak_gib=bench.peak_gib())


def coded(bench: Bench, codec: Autoencoder, batch: int) -> dict[str, float]:
    samples = bench.paper.model.segment_samples
    audio = 0.1 * torch.randn(batch, 2, samples, device=bench.device)
    z, seconds = codec.encode(audio).mean, batch * samples / SAMPLE_RATE
    return {
        "encoded_s_per_s": seconds / bench.seconds(lambda: codec.encode(audio)),
        "decoded_s_per_s": seconds / bench.seconds(lambda: codec.decode(z)),
    }


def sampling(bench: Bench) -> None:
    """Seconds of 100 guided steps, three branches each, without the codec; of fewer, extrapolated, where audio is long."""
    model = quick_model(bench, bench.paper).to(bench.device)
    model.network.eval()
    model.sample["rolloff"] = 0.9
    lengths = ((0.5, 4), (2.0, 2)) if bench.tiny else ((6.0, 100), (60.0, 10))
    audio = 0.1 * rng("on gpu").standard_normal((2, round(lengths[-1][0] * SAMPLE_RATE))).astype(np.float32)
    stretches = {seconds: stretch_of(model, audio[:, : round(seconds * SAMPLE_RATE)]) for seconds, _ in lengths}
    for how in ("as it is", "bf16", "bf16, compiled"):
        if how == "bf16, compiled":
            for block in model.network.dit.model.transformer.layers:
                block.compile()
        for seconds, steps in lengths:
            what = {"how": how, "audio_s": seconds, "windows": len(stretches[seconds].starts)}
            with bench.attempt(**what):
                model.sample["steps"] = 2
                with torch.no_grad(), nullcontext() if how == "as it is" else torch.autocast(bench.device.type, torch.bfloat16):
                    began = time.perf_counter()
                    model.generate(stretches[seconds])  # compiles
                    bench.wait()
                    model.sample["steps"], first = steps, time.perf_counter() - began
                    began = time.perf_counter()
                    z = model.generate(stretches[seconds])
                    bench.wait()
                    taken = (time.perf_counter() - began) * 100 / steps
                if not z.isfinite().all():
                    raise FloatingPointError("latents are not finite")
                bench.row(**what, steps_run=steps, seconds_of_100=taken, first_call_s=first, peak_gib=bench.peak_gib())


def captions(bench: Bench) -> None:
    """Windows that Qwen2-Audio captions in a second, 40 tokens each."""
    folder = bench.folder / "qwen2-audio"
    model = random_qwen2_audio(bench, folder)
    windows = 0.1 * rng("on gpu").standard_normal((32, 2, round(5.94 * SAMPLE_RATE))).astype(np.float32)
    for batch in (1, 2) if bench.tiny else (8, 32):
        with bench.attempt(batch=batch):
            captioner = Qwen2AudioCaptioner(folder, batch, 4 if bench.tiny else CAPTION_TOKENS, str(bench.device))
            captioner.__dict__["model"] = model
            bench.row(batch=batch, **captioned(bench, captioner, list(windows[:batch])), peak_gib=bench.peak_gib())


def captioned(bench: Bench, captioner: Qwen2AudioCaptioner, windows: list[np.ndarray]) -> dict[str, float]:
    taken = bench.seconds(lambda: captioner(windows, SAMPLE_RATE), least=0.1)
    before = bench.seconds(lambda: captioner.inputs(windows, SAMPLE_RATE), least=0.1)
    steps = captioner.max_new_tokens / taken
    return {"windows_per_s": len(windows) / taken, "generation_steps": steps, "preparing_inputs_s": before}


def random_qwen2_audio(bench: Bench, folder: Path) -> Any:
    """Qwen2-Audio-7B of its configuration, with random weights that the device draws; ``folder`` gets its processor."""
    from transformers import Qwen2AudioConfig, Qwen2AudioEncoderConfig, Qwen2AudioForConditionalGeneration, Qwen2Config

    processor = qwen2_audio_processor(words=2_000 if bench.tiny else 156_028)
    processor.save_pretrained(folder)
    tokenizer = processor.tokenizer
    audio = {"d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120}
    text = {"hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32}
    if bench.tiny:
        audio = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
        text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen2AudioConfig(
        audio_config=Qwen2AudioEncoderConfig(max_source_positions=1500, **audio).to_dict(),
        text_config=Qwen2Config(vocab_size=len(tokenizer), num_key_value_heads=text["num_attention_heads"], **text).to_dict(),
        audio_token_index=tokenizer.get_vocab()["<|AUDIO|>"],
    )
    config.save_pretrained(folder)
    (folder / "model.safetensors").touch()  # never read: the model is given to the captioner
    with torch.device(bench.device):
        model = Qwen2AudioForConditionalGeneration._from_config(config, dtype=torch.bfloat16 if bench.on_gpu else torch.float32)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = None, tokenizer.eos_token_id
    bench.found["parts"][bench.part]["parameters"] = sum(one.numel() for one in model.parameters())
    return model.eval().requires_grad_(False)


def more(bench: Bench) -> None:
    """Training of the bundled model's size, and the audit's quick budget."""
    bundled = bench.alone(read_parameters(ROOT, "bundled"), {"vary.denoise": False})  # it would read the clips' noise floors
    for batch in (2, 4) if bench.tiny else (8, 256):
        given = changed(bundled, {"fit.batch_size": batch, "fit.workers": 1 if bench.tiny else 8})
        timed_training(bench, given, batch=batch, model="bundled")
    if bench.tiny:
        bench.row(what="audit, quick", seconds=None, note="not run at tiny size")
        return
    project = bench.folder / "project"
    shutil.copytree(ROOT / "conf", project / "conf")
    shutil.copy(ROOT / "pyproject.toml", project)
    (project / "src").symlink_to(ROOT / "src")
    (project / "mlruns").mkdir()
    began = time.perf_counter()
    command = [sys.executable, "-m", "kedro", "run", "--pipeline", "audit"]
    with bench.attempt(what="audit, quick"), open(bench.out.with_suffix(".audit.log"), "w") as log:
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        subprocess.run(command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT, check=True)
        bench.row(what="audit, quick", seconds=time.perf_counter() - began)


PARTS: dict[str, tuple[Callable[[Bench], None], float]] = {
    "correct": (correct, 90), "step": (step, 120), "vae": (vae, 40), "sampling": (sampling, 80), "captions": (captions, 50),
    "more": (more, 85),
}  # fmt: skip
"""Each part, and its seconds; what one leaves is the next one's."""


def described(device: torch.device) -> dict[str, Any]:
    told: dict[str, Any] = {"name": "CPU", "torch": torch.__version__, "cores": os.cpu_count()}
    if device.type == "cuda":
        of = torch.cuda.get_device_properties(device)
        told |= {"name": of.name, "memory_gib": of.total_memory / 2**30, "cuda": torch.version.cuda}
    return told


def sentence(error: BaseException) -> str:
    """What went wrong, in one line."""
    said = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {said}"[:300]


def say(line: str) -> None:
    """On the screen, whatever a part's own output goes to."""
    print(line, file=sys.__stdout__, flush=True)


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a table in markdown; a column for each name that any of them has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([shown(row.get(name)) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run(bench: Bench, names: Sequence[str], scale: float = 1.0) -> dict[str, Any]:
    """Run parts in order, each until its time is used; what was found, which is in the file already."""

    def ring(*_: object) -> None:
        raise TimeUp("its time is used")

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    signal.signal(signal.SIGALRM, ring)
    began = end = time.perf_counter()
    for name in names:
        work, seconds = PARTS[name]
        bench.part, end, start = name, end + scale * seconds, time.perf_counter()
        held = bench.found["parts"].setdefault(name, {})
        say(f"{name}: {(work.__doc__ or '').strip()}")
        signal.setitimer(signal.ITIMER_REAL, max(1.0, end - start))
        try:
            with open(bench.out.with_suffix(".log"), "a") as log, redirect_stdout(log), redirect_stderr(log):
                work(bench)
        except (Exception, TimeUp) as error:
            held["error"] = sentence(error)
            say(f"  {held['error']}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        held["seconds"] = time.perf_counter() - start
        bench.tidy()
        bench.save()
    bench.found["seconds"] = time.perf_counter() - began
    bench.save()
    return bench.found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("on_gpu.json"), help="where the results go")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tiny", action="store_true", help="small sizes, for a CPU")
    asked = parser.parse_args()
    if not asked.tiny and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here: --tiny tries the same at small sizes.")
    with tempfile.TemporaryDirectory() as folder:
        found = run(Bench(asked.out, asked.tiny, Path(folder)), asked.parts, scale=5.0 if asked.tiny else 1.0)
    for name, part in found["parts"].items():
        print(f"\n{name}, {part['seconds']:.0f} s. {part.get('error', '')}\n")
        print(table(part.get("rows", [])))
    print(f"\n{found['seconds']:.0f} s in all, {asked.out}")


if __name__ == "__main__":
    main()
