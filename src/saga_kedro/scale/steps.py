"""What each step takes: formulas (docs/operations.md) give the work from the configuration, unit costs the times."""

import math
from dataclasses import dataclass, replace

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
    words: str  # what there is to do
    core_hours: float = 0.0
    gpu_hours: float = 0.0
    wall_hours: float = 0.0  # NaN if a unit cost is missing
    disk_bytes: float = 0.0
    memory: str = ""  # of a process or device, in words
    costs: tuple[str, ...] = ()  # unit costs that it depends on, ``group.name``


def plan(parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines) -> list[Step]:
    """The steps of `kedro run --pipeline train`, in order."""
    return Planner(parameters, costs, corpus, machines).steps()


def global_batch(parameters: Parameters) -> int:
    """Segments of an optimiser step, whatever the devices."""
    fit = parameters.fit
    return fit.batch_size * fit.accumulate * max(1, devices(parameters) or 0) * fit.nodes


def devices(parameters: Parameters) -> int | None:
    """``fit.devices`` as a number; None if Lightning chooses."""
    asked = parameters.fit.devices
    count = len(asked) if isinstance(asked, list) else asked
    return count if isinstance(count, int) and count >= 0 else None


@dataclass(frozen=True)
class Work:
    """Seconds of cores and of GPUs, and the unit costs that they come from."""

    core_s: float = 0.0
    gpu_s: float = 0.0
    costs: tuple[str, ...] = ()

    def __add__(self, other: "Work") -> "Work":
        return Work(self.core_s + other.core_s, self.gpu_s + other.gpu_s, self.costs + other.costs)


class Planner:
    """The steps of a configuration, each by itself."""

    def __init__(self, parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines) -> None:
        self.parameters, self.costs, self.corpus, self.machines = parameters, costs, corpus, machines
        self.dit = dit(parameters.model)
        self.audio_s, self.segment_s = corpus.hours * 3600, parameters.model.segment_samples / SAMPLE_RATE
        self.process = f"{costs.cores.process_gib:g} GiB a process"
        self.vae = parameters.model.codec.name == "autoencoder"

    def steps(self) -> list[Step]:
        steps = self.data()
        if self.parameters.encode.latents:
            steps.append(self.latents())
        elif self.parameters.model.text.encoder != "none":
            steps.append(self.text_states())
        return [*steps, self.training(), self.evaluation()]

    def data(self) -> list[Step]:
        return [self.examine(), self.resample(), self.captions(), self.pairs()]

    def step(self, name: str, words: str, work: Work, disk_bytes: float, memory: str, cores: int | None = None) -> Step:
        """Cores and GPUs work at the same time, so the slower ones decide."""
        on_gpus = work.gpu_s / self.machines.all_gpus if work.gpu_s else 0.0
        wall_s = max(work.core_s / (cores or self.machines.all_cores), on_gpus)
        return Step(name, words, work.core_s / 3600, work.gpu_s / 3600, wall_s / 3600, disk_bytes, memory, work.costs)

    def on_cores(self, name: str, audio_s: float) -> Work:
        """Work whose unit cost is core-seconds per second of audio."""
        return Work(audio_s * getattr(self.costs.cores, name), costs=(f"cores.{name}",))

    def flac_bytes(self, audio_s: float) -> float:
        return audio_s / 3600 * self.costs.cores.flac_megabytes * 1e6

    def examine(self) -> Step:
        work, disk = self.on_cores("examine", self.audio_s), self.corpus.clips * FILE_BYTES
        return self.step("examine", f"{self.corpus.clips:,.0f} clips", work, disk, self.process)

    def resample(self) -> Step:
        work = self.on_cores("resample", self.audio_s) + Work(costs=("cores.flac_megabytes",))
        return self.step("resample", f"{self.corpus.clips:,.0f} clips", work, self.flac_bytes(self.audio_s), self.process)

    def captions(self) -> Step:
        """Descriptors: seconds x cost. Qwen2-Audio: windows / batch x tokens / (tokens per second of an item)."""
        caption, windows = self.parameters.caption, self.corpus.windows
        words, disk = f"{windows:,.0f} windows", self.corpus.clips * FILE_BYTES
        if caption.source == "table":
            return Step("captions", f"{words}, from a table")
        if caption.source == "descriptors":
            return self.step("captions", words, self.on_cores("describe", self.audio_s), disk, self.process)
        used, memory = ("gpu.generation_steps", "corpus.caption_tokens"), f"{QWEN_GIB} GiB a GPU"
        if not self.machines.gpus:
            return Step("captions", f"{words}, on a GPU only", wall_hours=math.nan, disk_bytes=disk, memory=memory, costs=used)
        tokens = min(self.costs.corpus.caption_tokens, caption.max_new_tokens)
        gpu_s = windows / caption.batch_size * tokens / self.costs.gpu.generation_steps
        return self.step("captions", words, Work(0.0, gpu_s, used), disk, memory)

    def number_and_length_of_pairs(self) -> tuple[float, float]:
        degrade, most = self.parameters.degrade, self.corpus.test_clips
        if degrade.pairs_per_category is not None:
            most = min(most, CATEGORIES * degrade.pairs_per_category)
        return most * len(degrade.cutoffs_khz), min(degrade.excerpt_seconds, self.audio_s / self.corpus.clips)

    def pairs(self) -> Step:
        number, length = self.number_and_length_of_pairs()
        work, disk = self.on_cores("pair", number * length), self.flac_bytes(2 * number * length)
        return self.step("pairs", f"{number:,.0f} pairs", work, disk, self.process)

    def encoding(self, audio_s: float) -> Work:
        """Audio through the codec, one way."""
        if self.vae and self.machines.gpus:
            return Work(0.0, audio_s / self.costs.gpu.vae_seconds, ("gpu.vae_seconds",))
        return self.on_cores("vae" if self.vae else "codec", audio_s)

    def reading(self, segments: float, low_passes: int) -> Work:
        """Segments, each low-passed so many times."""
        audio_s = segments * self.segment_s
        return self.on_cores("crop", audio_s) + self.on_cores("low_pass", audio_s * low_passes)

    def loaders(self) -> int:
        """Cores that read for the GPUs, or all without GPUs."""
        fit, machines = self.parameters.fit, self.machines
        return min(machines.all_cores, max(1, fit.workers) * machines.all_gpus) if machines.gpus else machines.all_cores

    def multiplying(self, operations: float, precision: str, on_gpu: bool = True) -> Work:
        """Operations of the DiT or a text encoder."""
        if self.machines.gpus and on_gpu:
            per_second = getattr(self.costs.gpu.peak_tflops, precision) * 1e12 * self.costs.gpu.utilisation
            return Work(0.0, operations / per_second, ("gpu.peak_tflops", "gpu.utilisation"))
        return Work(operations / (getattr(self.costs.cores.gflops, precision) * 1e9), costs=("cores.gflops",))

    def text_operations(self) -> float:
        """Operations of a caption: twice the encoder's parameters for each token."""
        text = self.parameters.model.text
        return 2 * TEXT_ENCODERS[text.encoder][1] * min(self.costs.corpus.caption_tokens, text.max_tokens)

    def text_states(self) -> Step:
        """States of all captions, which are in memory together; fewer if captions repeat."""
        work = self.multiplying(self.corpus.windows * self.text_operations(), "fp32", on_gpu=False)
        work += Work(costs=("corpus.caption_tokens",))
        size = self.corpus.windows * text_bytes(self.parameters, self.costs.corpus.caption_tokens)
        words = f"at most {self.corpus.windows:,.0f} captions"
        return self.step("text states", words, work, size, f"{size / GIB:,.2g} GiB, one process")

    def latents(self) -> Step:
        """Every crop of a segment and its K low-passed versions through the codec, its caption through the text encoder."""
        draws, segments = self.parameters.degrade.draws or 1, self.corpus.segments * self.parameters.degrade.crops
        text = self.multiplying(segments * self.text_operations(), "fp32")
        work = self.encoding(segments * (1 + draws) * self.segment_s) + self.reading(segments, draws)
        work += Work(text.core_s, text.gpu_s, ("corpus.caption_tokens",))
        size = segments * segment_bytes(self.parameters, self.costs.corpus.caption_tokens)
        memory = f"{VAE_GIB} GiB a device and activations" if self.vae else self.process
        return self.step("latents", f"{segments:,.0f} segments x {1 + draws}", work, size, memory, self.loaders())

    def training(self) -> Step:
        """Steps x batch x operations, the validations, and in every step the exchange of gradients (a ring)."""
        fit, devices = self.parameters.fit, self.machines.all_gpus
        batch = global_batch(self.parameters)
        visits = fit.steps * batch
        looks = math.ceil(fit.steps / fit.steps_per_epoch) * fit.validation_segments * VALIDATION_LEVELS
        operations = visits * self.dit.training_flops(self.parameters.model.backbone.checkpointing)
        work = self.multiplying(operations + looks * self.dit.forward_flops(), precision_of(fit.precision))
        if not self.parameters.encode.latents:
            work += self.encoding(2 * visits * self.segment_s) + self.reading(visits, 1)
        parameters, exchange_s = self.dit.parameters(), 0.0
        if devices > 1:
            link = "between_nodes" if self.machines.nodes > 1 else "within_node"
            work += Work(costs=(f"gpu.{link}",))
            exchange_s = 2 * parameters * GRADIENT_BYTES * (1 - 1 / devices) / (getattr(self.costs.gpu, link) * 1e9)
        disk = parameters * (CHECKPOINTS * CHECKPOINT_BYTES + SAVED_BYTES)
        memory = f"{training_bytes(self.parameters.model) / GIB:,.1f} GiB a device and activations"
        step = self.step("training", f"{fit.steps:,} steps x {batch}", work, disk, memory, self.loaders())
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
        work = self.multiplying(operations, "fp32") + self.encoding(pairs * 2 * (ours + 1) * windows * self.segment_s)
        work += self.on_cores("score", pairs * seconds * rows)
        if opinions := sum(name.startswith(("ViSQOL", "2f")) for name in evaluate.metrics):
            work += self.on_cores("visqol", pairs * seconds * rows * opinions)
        disk = pairs * seconds * (rows - 1) * 44_100 * 2 * 4
        saved = self.dit.parameters() * SAVED_BYTES / GIB + (VAE_GIB if self.vae else 0)
        return self.step("evaluation", f"{pairs:,.0f} pairs, {rows} rows", work, disk, f"{saved:,.2g} GiB a device")
