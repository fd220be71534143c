"""What each step takes: formulas (docs/scale.md) give the work from the configuration, unit costs the times."""

import math
from dataclasses import dataclass, replace
from typing import Any

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.parameters import Parameters
from saga_kedro.scale.costs import UnitCosts, precision_of
from saga_kedro.scale.sizes import GIB, TEXT_ENCODERS, Corpus, dit, segment_bytes, text_bytes, training_bytes

CATEGORIES = 3  # of evaluation pairs: speech, music, effects
VALIDATION_LEVELS = 5  # as many as training.flow_training.VALIDATION_T
FILE_BYTES = 4096  # a small file takes a block of the file system
FIXED_ROWS = 3  # of the table of scores: input, codec, spectral copy
CHECKPOINTS = 2  # the last and the best
CHECKPOINT_BYTES, SAVED_BYTES = 16, 4  # a parameter: weights, average and two moments; weights
QWEN_GIB, VAE_GIB = 16, 0.6  # weights: 8.4e9 parameters in bfloat16, 156e6 in float32
GRADIENT_BYTES = 4


@dataclass(frozen=True)
class Machines:
    """Nodes, all alike, and the GPUs (without them cores do everything) and cores of each."""

    nodes: int
    gpus: int
    cores: int

    @property
    def all_gpus(self) -> int:
        return self.nodes * self.gpus

    @property
    def all_cores(self) -> int:
        return self.nodes * self.cores


@dataclass(frozen=True)
class Step:
    """One line of the plan."""

    name: str
    work: str  # in words
    core_hours: float = 0.0
    gpu_hours: float = 0.0
    wall_hours: float = 0.0  # NaN if a unit cost is missing
    disk_bytes: float = 0.0
    memory: str = ""  # of a process or device, in words
    costs: tuple[str, ...] = ()  # unit costs that it depends on, ``group.name``


def plan(parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines) -> list[Step]:
    """The steps of `kedro run --pipeline train`, in order."""
    return _Planner(parameters, costs, corpus, machines).steps()


def global_batch(parameters: Parameters) -> int:
    """Segments of an optimiser step, whatever the devices."""
    fit = parameters.fit
    return fit.batch_size * fit.accumulate * max(1, devices(parameters) or 0) * fit.nodes


def devices(parameters: Parameters) -> int | None:
    """``fit.devices`` as a number; None if Lightning chooses."""
    asked = parameters.fit.devices
    count = len(asked) if isinstance(asked, list) else asked
    return count if isinstance(count, int) and count >= 0 else None


class _Planner:
    def __init__(self, parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines) -> None:
        self.parameters, self.costs, self.corpus, self.machines = parameters, costs, corpus, machines
        self.dit, self.precision = dit(parameters.model), precision_of(parameters.fit.precision)
        self.segment_s = parameters.model.segment_samples / SAMPLE_RATE
        self.process = f"{costs.cores.process_gib:g} GiB a process"
        self.vae = parameters.model.codec.name == "autoencoder"

    def steps(self) -> list[Step]:
        steps = [self.examine(), self.resample(), self.captions(), self.pairs()]
        if self.parameters.encode.latents:
            steps.append(self.latents())
        elif self.parameters.model.text.encoder != "none":
            steps.append(self.text_states())
        return [*steps, self.training(), self.evaluation()]

    def step(self, name: str, work: str, core_s: float, gpu_s: float = 0.0, cores: int | None = None, **rest: Any) -> Step:
        """Cores and GPUs work at the same time, so the slower ones decide."""
        on_gpus = gpu_s / self.machines.all_gpus if gpu_s else 0.0
        wall_s = max(core_s / (cores or self.machines.all_cores), on_gpus)
        return Step(name, work, core_s / 3600, gpu_s / 3600, wall_s / 3600, **rest)

    def examine(self) -> Step:
        core_s, disk = self.corpus.hours * 3600 * self.costs.cores.examine, self.corpus.clips * FILE_BYTES
        work, used = f"{self.corpus.clips:,.0f} clips", ("cores.examine",)
        return self.step("examine", work, core_s, disk_bytes=disk, memory=self.process, costs=used)

    def resample(self) -> Step:
        cores, hours = self.costs.cores, self.corpus.hours
        core_s, disk = hours * 3600 * cores.resample, hours * cores.flac_megabytes * 1e6
        work, used = f"{self.corpus.clips:,.0f} clips", ("cores.resample", "cores.flac_megabytes")
        return self.step("resample", work, core_s, disk_bytes=disk, memory=self.process, costs=used)

    def captions(self) -> Step:
        """Descriptors: seconds x cost. Qwen2-Audio: windows / batch x tokens / (tokens per second of an item)."""
        caption, windows = self.parameters.caption, self.corpus.windows
        work, disk = f"{windows:,.0f} windows", self.corpus.clips * FILE_BYTES
        if caption.source == "table":
            return Step("captions", f"{work}, from a table")
        if caption.source == "descriptors":
            core_s = self.corpus.hours * 3600 * self.costs.cores.describe
            return self.step("captions", work, core_s, disk_bytes=disk, memory=self.process, costs=("cores.describe",))
        used = ("gpu.generation_steps", "corpus.caption_tokens")
        memory = f"{QWEN_GIB} GiB a GPU"
        if not self.machines.gpus:
            return Step("captions", f"{work}, on a GPU only", wall_hours=math.nan, disk_bytes=disk, memory=memory, costs=used)
        tokens = min(self.costs.corpus.caption_tokens, caption.max_new_tokens)
        gpu_s = windows / caption.batch_size * tokens / self.costs.gpu.generation_steps
        return self.step("captions", work, 0.0, gpu_s, disk_bytes=disk, memory=memory, costs=used)

    def number_and_length_of_pairs(self) -> tuple[float, float]:
        degrade, most = self.parameters.degrade, self.corpus.test_clips
        if degrade.pairs_per_category is not None:
            most = min(most, CATEGORIES * degrade.pairs_per_category)
        return most * len(degrade.cutoffs_khz), min(degrade.excerpt_seconds, self.corpus.hours * 3600 / self.corpus.clips)

    def pairs(self) -> Step:
        number, length = self.number_and_length_of_pairs()
        seconds = number * length
        disk = 2 * seconds / 3600 * self.costs.cores.flac_megabytes * 1e6
        work, used = f"{number:,.0f} pairs", ("cores.pair",)
        return self.step("pairs", work, seconds * self.costs.cores.pair, disk_bytes=disk, memory=self.process, costs=used)

    def encoding(self, audio_s: float) -> tuple[float, float, tuple[str, ...]]:
        """Core-seconds, GPU-seconds and unit costs of seconds of audio through the codec, one way."""
        if not self.vae:
            return audio_s * self.costs.cores.codec, 0.0, ("cores.codec",)
        if self.machines.gpus:
            return 0.0, audio_s / self.costs.gpu.vae_seconds, ("gpu.vae_seconds",)
        return audio_s * self.costs.cores.vae, 0.0, ("cores.vae",)

    def reading(self, low_passes: float) -> float:
        """Core-seconds of reading a segment and low-passing it so many times."""
        return self.segment_s * (self.costs.cores.crop + low_passes * self.costs.cores.low_pass)

    def loaders(self) -> int:
        """Cores that read for the GPUs, or all without GPUs."""
        fit, machines = self.parameters.fit, self.machines
        return min(machines.all_cores, max(1, fit.workers) * machines.all_gpus) if machines.gpus else machines.all_cores

    def multiplying(self, operations: float, precision: str, on_gpu: bool = True) -> tuple[float, float, tuple[str, ...]]:
        """Core-seconds, GPU-seconds and unit costs of operations of the DiT or a text encoder."""
        if self.machines.gpus and on_gpu:
            per_second = getattr(self.costs.gpu.peak_tflops, precision) * 1e12 * self.costs.gpu.utilisation
            return 0.0, operations / per_second, ("gpu.peak_tflops", "gpu.utilisation")
        return operations / (getattr(self.costs.cores.gflops, precision) * 1e9), 0.0, ("cores.gflops",)

    def text_operations(self) -> float:
        """Operations of a caption: twice the encoder's parameters for each token."""
        text = self.parameters.model.text
        return 2 * TEXT_ENCODERS[text.encoder][1] * min(self.costs.corpus.caption_tokens, text.max_tokens)

    def text_states(self) -> Step:
        """States of all captions, which are in memory together; fewer if captions repeat."""
        core_s, _, used = self.multiplying(self.corpus.windows * self.text_operations(), "fp32", on_gpu=False)
        size = self.corpus.windows * text_bytes(self.parameters, self.costs.corpus.caption_tokens)
        work, memory = f"at most {self.corpus.windows:,.0f} captions", f"{size / GIB:,.2g} GiB, one process"
        return self.step("text states", work, core_s, disk_bytes=size, memory=memory, costs=(*used, "corpus.caption_tokens"))

    def latents(self) -> Step:
        """Every crop of a segment and its K low-passed versions through the codec, its caption through the text encoder."""
        draws, segments = self.parameters.degrade.draws or 1, self.corpus.segments * self.parameters.degrade.crops
        core_s, gpu_s, used = self.encoding(segments * (1 + draws) * self.segment_s)
        text_core_s, text_gpu_s, _ = self.multiplying(segments * self.text_operations(), "fp32")
        core_s += segments * self.reading(draws) + text_core_s
        size = segments * segment_bytes(self.parameters, self.costs.corpus.caption_tokens)
        work = f"{segments:,.0f} segments x {1 + draws}"
        memory = f"{VAE_GIB} GiB a device and activations" if self.vae else self.process
        rest: dict[str, Any] = {"disk_bytes": size, "memory": memory}
        rest["costs"] = ("cores.crop", "cores.low_pass", *used, "corpus.caption_tokens")
        return self.step("latents", work, core_s, gpu_s + text_gpu_s, self.loaders(), **rest)

    def training(self) -> Step:
        """Steps x batch x operations, the validations, and in every step the exchange of gradients (a ring)."""
        fit, machines = self.parameters.fit, self.machines
        batch = global_batch(self.parameters)
        visits = fit.steps * batch
        looks = math.ceil(fit.steps / fit.steps_per_epoch) * fit.validation_segments * VALIDATION_LEVELS
        operations = visits * self.dit.training_flops(self.parameters.model.backbone.checkpointing)
        core_s, gpu_s, used = self.multiplying(operations + looks * self.dit.forward_flops(), self.precision)
        if not self.parameters.encode.latents:
            codec_core_s, codec_gpu_s, codec_used = self.encoding(2 * visits * self.segment_s)
            core_s, gpu_s = core_s + codec_core_s + visits * self.reading(1), gpu_s + codec_gpu_s
            used = (*used, *codec_used, "cores.crop", "cores.low_pass")
        parameters = self.dit.parameters()
        link = self.costs.gpu.between_nodes if machines.nodes > 1 else self.costs.gpu.within_node
        devices = machines.all_gpus
        exchange_s = 2 * parameters * GRADIENT_BYTES * (1 - 1 / devices) / (link * 1e9) if devices > 1 else 0.0
        if exchange_s:
            used = (*used, "gpu.between_nodes" if machines.nodes > 1 else "gpu.within_node")
        disk = parameters * (CHECKPOINTS * CHECKPOINT_BYTES + SAVED_BYTES)
        work, memory = f"{fit.steps:,} steps x {batch}", training_bytes(self.parameters.model) / GIB
        rest: dict[str, Any] = {"memory": f"{memory:,.1f} GiB a device and activations", "costs": used}
        step = self.step("training", work, core_s, gpu_s, self.loaders(), disk_bytes=disk, **rest)
        return replace(step, wall_hours=step.wall_hours + fit.steps * exchange_s / 3600)

    def evaluation(self) -> Step:
        """Sampling of every pair in float32; the codec both ways, for the model's rows and its own; metrics of every row."""
        sample, evaluate = self.parameters.sample, self.parameters.evaluate
        pairs, seconds = self.number_and_length_of_pairs()
        windows = math.ceil(seconds / self.segment_s)
        branches = 1 if sample.s_a == 1 and sample.s_t == 1 else 3
        ours = 1 + evaluate.rolloff_reference
        rows = ours + FIXED_ROWS
        operations = pairs * ours * windows * sample.steps * branches * self.dit.forward_flops()
        core_s, gpu_s, used = self.multiplying(operations, "fp32")
        codec_core_s, codec_gpu_s, codec_used = self.encoding(pairs * 2 * (ours + 1) * windows * self.segment_s)
        opinions = sum(name.startswith("ViSQOL") for name in evaluate.metrics)
        core_s += codec_core_s + pairs * seconds * rows * (self.costs.cores.score + opinions * self.costs.cores.visqol)
        saved = self.dit.parameters() * SAVED_BYTES / GIB + (VAE_GIB if self.vae else 0)
        disk = pairs * seconds * (rows - 1) * 44_100 * 2 * 4
        rest: dict[str, Any] = {"disk_bytes": disk, "memory": f"{saved:,.2g} GiB a device"}
        rest["costs"] = (*used, *codec_used, "cores.score", *["cores.visqol"] * bool(opinions))
        return self.step("evaluation", f"{pairs:,.0f} pairs, {rows} rows", core_s, gpu_s + codec_gpu_s, **rest)
