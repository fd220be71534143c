"""The parameters of conf/: checked before anything runs. An unknown name is refused with the nearest known one."""

import difflib
import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from saga_kedro.errors import SagaError

Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A group of parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path != "/".join(parts) or ".." in parts or path.startswith("/"):
        raise ValueError("it is a path inside the repository, such as data/sounds")
    return path


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"it is no regular expression: {error}") from None
    return pattern


def _grouping(pattern: str) -> str:
    if not re.compile(_pattern(pattern)).groups:
        raise ValueError("it needs a part in parentheses, which says what belongs together")
    return pattern


Inside = Annotated[str, AfterValidator(_inside)]


class RepositoryAudio(Section):
    folder: Annotated[str, AfterValidator(lambda path: path if path == "." else _inside(path))]
    category: Literal["speech", "music", "effects"]
    group: Annotated[str, AfterValidator(_grouping)] | None = None


class Repository(Section):
    """One entry of ``repositories``; conf/base/parameters_repositories.yml says what its fields are."""

    address: str = Field(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*$")
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    licence: str = Field(min_length=1)
    licence_file: Inside
    licence_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    attribution: str = Field(pattern=r"^[^\n]+$")
    audio: list[RepositoryAudio] = Field(min_length=1)
    exclude: Annotated[str, AfterValidator(_pattern)] | None = None

    @property
    def name(self) -> str:
        """``<owner>/<name>``."""
        return "/".join(self.address.removesuffix(".git").split("/")[-2:])


UNFREE = re.compile(r"(?i)(?<![a-z])(nc|nd)(?![a-z])|non-?_? ?commercial|no-?_? ?deriv")
"""Licences that forbid commercial use or changes."""


class HeldOut(Section):
    validation: list[str]
    test: list[str]


WITHOUT_PATH = ("demo", "debian", "git", "debian+git")
"""Sources that make or fetch their audio, by default into the raw folder."""


class Ingest(Section):
    source: Literal[
        "demo", "folder", "pairs", "debian", "git", "debian+git", "collection",
        "freesound", "medleydb", "musdb18_hq", "moisesdb", "openslr", "vctk", "fma_small", "esc50",
    ]  # fmt: skip
    path: str | None
    index: str | None
    pattern: str
    cutoff_khz: float = Field(gt=0)
    demo_minutes: float = Field(gt=0)
    packages: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]] = Field(min_length=1)
    clones: str | None
    validation: Probability
    test: Probability
    held_out: HeldOut


class Caption(Section):
    source: Literal["descriptors", "qwen2_audio", "table"]
    path: str | None
    window_seconds: float = Field(gt=0)
    batch_size: Positive
    max_new_tokens: Positive


class Degrade(Section):
    low_pass: str
    minimum_order: Positive
    maximum_order: Positive
    minimum_hz: Positive
    maximum_hz: Positive
    spread: Literal["uniform", "log_uniform"]
    bits: Literal[16, 24] | None
    cutoffs_khz: list[float]
    order: Positive
    excerpt_seconds: float = Field(gt=0)
    pairs_per_category: Positive | None
    draws: Positive | None
    crops: Positive


class Vary(Section):
    gain_db: float = Field(ge=0)
    tilt_db: tuple[float, float]
    speech_tilt_db: tuple[float, float]
    ensemble: Probability
    room: Probability
    master: Probability
    ending: Probability
    denoise: bool
    hiss: Probability
    hiss_minimum_db: float
    hiss_maximum_db: float
    room_slope_db: float = Field(ge=0)
    microphone_slope_db: float = Field(ge=0)


class Codec(Section):
    model_config = ConfigDict(extra="allow", frozen=True)  # options are the codec's own, checked when it is built
    name: str


class Backbone(Section):
    embed_dim: Positive
    depth: Positive
    num_heads: Positive
    project_cond_tokens: bool
    checkpointing: bool


class Text(Section):
    encoder: Literal["minilm", "t5", "none"]
    path: str | None
    max_tokens: Positive


class Conditioning(Section):
    model_config = ConfigDict(extra="allow", frozen=True)  # options are the network part's own, checked when it is built
    null_latent: float
    text_null: str


class Model(Section):
    segment_samples: Positive
    channels: str
    rolloff: str
    network: str
    codec: Codec
    backbone: Backbone
    text: Text
    conditioning: Conditioning


class InverseLR(Section):
    inv_gamma: float = Field(gt=0)
    power: float
    warmup: float = Field(ge=0, lt=1)


class Ema(Section):
    beta: Probability
    power: float
    update_after_step: int = Field(ge=0)


class Encode(Section):
    latents: bool
    batch_size: Positive
    shard_segments: Positive


class Fit(Section):
    start: str
    steps: Positive
    batch_size: Positive
    accumulate: Positive
    drop_z_l: Probability
    drop_context: Probability
    objective: str
    timesteps: str
    mean_share: Probability
    mean_huber_delta: Annotated[float, Field(gt=0)] | None
    unspecified_share: Probability
    learning_rate: float = Field(gt=0)
    betas: tuple[float, float]
    weight_decay: float = Field(ge=0)
    lr_schedule: str
    inverse_lr: InverseLR
    clip_gradient_norm: float | None
    ema: Ema
    steps_per_epoch: Positive
    validation_segments: Positive
    log_every: Positive
    minimum_bandwidth_hz: float = Field(ge=0)
    segments_per_origin: Positive | None
    rolloff_draws: Positive
    workers: int = Field(ge=0)
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "bf16-true"]
    accelerator: str
    devices: str | int | list[int]
    nodes: Positive
    strategy: str


class Sample(Section):
    steps: Positive
    temperature: float = Field(ge=0)
    schedule: str
    sampler: str
    guidance: str
    s_a: float
    s_t: float
    rolloff: Literal["predicted", "unspecified", "likely", "reference"] | Annotated[float, Field(ge=0, lt=1)]
    low_band: str
    noise_floor: Probability


class Evaluate(Section):
    model: str | None
    metrics: list[str] = Field(min_length=1)
    rolloff_reference: bool
    examples: int = Field(ge=0)


class Serve(Section):
    weights: Literal["ema", "online"]
    at: float = Field(gt=0, le=1)
    loading: Literal["strict", "other_prefix"]
    token_width: Positive | None


class Measure(Section):
    lsd: Literal["log10", "decibel"]
    sdr: Literal["per_item", "flattened"]
    gradients: Literal["true_norm", "loss_scaled"]


class Budget(Section):
    train: bool
    seeds: Positive
    pairs_per_category: Positive
    excerpt_seconds: float = Field(gt=0)
    segments_per_category: Positive | None
    set: dict[str, Any]
    ladder: dict[str, Any]


class Audit(Section):
    issue: str
    design: Literal["both", "add_one", "fix_one"]
    budget: str
    seeds: Positive | None
    pairs: str | None
    checkpoint: str | None
    findings: str | None
    start: Literal["configured", "random_channels", "not_loaded"]
    serve: Serve
    measure: Measure
    budgets: dict[str, Budget]


class Report(Section):
    examples: int = Field(ge=0)
    frequency_bands: Positive
    dial: list[Annotated[float, Field(ge=0, lt=1)]]
    dial_pairs: int = Field(ge=0)
    dial_seconds: float = Field(gt=0)


class Workers(Section):
    engine: Literal["processes", "dask"]
    address: str | None
    gpus_per_worker: int = Field(ge=0)


class Parameters(Section):
    seed: int
    dataset: str
    lock: Literal["refuse", "wait"]
    ingest: Ingest
    repositories: list[Repository] = []  # from parameters_repositories.yml; parameters.yml alone is complete
    caption: Caption
    vary: Vary
    degrade: Degrade
    model: Model
    encode: Encode
    fit: Fit
    sample: Sample
    evaluate: Evaluate
    report: Report
    audit: Audit
    workers: Workers

    @property
    def used_repositories(self) -> list[Repository]:
        """The repositories that the corpus is made of; none unless the source is git."""
        return self.repositories if "git" in self.ingest.source.split("+") else []

    @property
    def dataset_name(self) -> str:
        """The name of the dataset's folders; ``auto`` means the name of the source's folder, or of the source."""
        name = self.dataset
        if name == "auto":
            name = PurePath(self.ingest.path).name if self.ingest.path else self.ingest.source
        return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "dataset"


Checked = TypeVar("Checked", bound=Section)


class ParameterError(SagaError, ValueError):
    """A parameter that is unknown or of the wrong type."""


def _named(place: tuple[Any, ...], section: type[BaseModel]) -> tuple[tuple[str, ...], type[BaseModel]]:
    """The part of pydantic's error location that names parameters, and the section it ends in; the rest names alternatives of a
    union."""
    for depth, name in enumerate(place):
        if isinstance(name, int):  # a position in a list of sections
            continue
        field = section.model_fields.get(name)
        annotation: Any = field.annotation if field else None
        if get_origin(annotation) is list:
            annotation = get_args(annotation)[0]
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return place[: depth + 1], section
        section = annotation
    return place, section


def _sentence(name: str, section: type[BaseModel], errors: list[Any], file: str) -> str:
    first = errors[0]
    if first["type"] == "extra_forbidden":
        *above, last = name.split(".")
        near = difflib.get_close_matches(last, section.model_fields, n=1, cutoff=0.4)
        hint = f"did you mean {'.'.join([*above, *near])}?" if near else f"known here: {', '.join(section.model_fields)}."
        return f"unknown parameter {name}: {hint}"
    if first["type"] == "missing":
        file = "parameters_repositories.yml" if name.startswith("repositories.") else file
        return f"parameter {name} is missing: set it in conf/base/{file}."
    wrong = ", or ".join(dict.fromkeys(error["msg"].lower() for error in errors))
    return f"parameter {name} = {first['input']!r}: {wrong}."


def fitted(section: type[Checked], values: Mapping[str, Any], file: str) -> Checked:
    """The values as this section of parameters; ``file`` is the one in conf/base that has all of them.

    Raises:
        ParameterError: one sentence for each unknown, missing or ill-typed parameter.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        wrong: dict[tuple[str, type[BaseModel]], list[Any]] = {}
        for one in error.errors():
            place, where = _named(one["loc"], section)
            wrong.setdefault((".".join(map(str, place)), where), []).append(one)
        raise ParameterError(" ".join(_sentence(*where, errors, file) for where, errors in wrong.items())) from None


def validate(parameters: dict[str, Any]) -> Parameters:
    """Check all parameters of a run: conf/ merged with the command line, as Kedro gives it.

    Raises:
        ParameterError: as `fitted`, or parameters that contradict each other.
    """
    checked = fitted(Parameters, parameters, "parameters.yml")
    if checked.degrade.minimum_hz > checked.degrade.maximum_hz or checked.degrade.minimum_order > checked.degrade.maximum_order:
        raise ParameterError("degrade: the minimum order or cutoff is above the maximum; swap them.")
    if checked.vary.hiss_minimum_db > checked.vary.hiss_maximum_db:
        raise ParameterError("vary: the softest hiss is louder than the loudest; swap them.")
    if checked.encode.latents and checked.degrade.draws is None:
        raise ParameterError("encode.latents needs degrade.draws: how many low-passes of each segment to keep.")
    if checked.workers.engine == "processes" and (checked.workers.address or checked.workers.gpus_per_worker):
        raise ParameterError("workers.address and workers.gpus_per_worker are Dask's: add workers.engine=dask.")
    if checked.caption.source == "table" and not checked.caption.path:
        raise ParameterError("caption.source=table needs caption.path: a .csv or .parquet table of captions.")
    if checked.audit.budget not in checked.audit.budgets:
        raise ParameterError(f"audit.budget is one of {', '.join(checked.audit.budgets)}, not {checked.audit.budget!r}.")
    _check_repositories(checked)
    if checked.ingest.source not in WITHOUT_PATH and not checked.ingest.path:
        raise ParameterError(f"ingest.source={checked.ingest.source} needs ingest.path: the folder that holds the audio.")
    return checked


def changed(parameters: Parameters, changes: Mapping[str, Any]) -> Parameters:
    """The parameters with some replaced (dotted name -> value), checked again; raises as `validate`."""
    values = parameters.model_dump()
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ParameterError(f"unknown parameter {name}: {section} is no section of parameters.")
        place[last] = value
    return validate(values)


def _check_repositories(checked: Parameters) -> None:
    names = [one.name for one in checked.repositories]
    for one in checked.repositories:
        if UNFREE.search(one.licence):
            raise ParameterError(f"repositories: {one.name} is under {one.licence}, which forbids some uses; take it out.")
        if names.count(one.name) > 1:
            raise ParameterError(f"repositories: {one.name} is listed twice; put all of its folders into one entry.")
    if "git" in checked.ingest.source.split("+") and not names:
        raise ParameterError(f"ingest.source={checked.ingest.source} needs repositories: list some.")
    both = sorted(set(checked.ingest.held_out.validation) & set(checked.ingest.held_out.test))
    if both:
        raise ParameterError(f"ingest.held_out: {both[0]} is held out for validation and for test; choose one.")
