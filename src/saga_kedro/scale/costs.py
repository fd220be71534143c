"""The unit costs of a plan, which conf/base/plan.yml has and explains."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

from pydantic import Field

from saga_kedro.parameters import Section, fitted

Amount = Annotated[float, Field(gt=0)]


def _in(unit: str) -> Any:
    return Field(gt=0, description=unit)


class ByPrecision(Section):
    bf16: Amount
    fp32: Amount


class CorpusCosts(Section):
    clip_seconds: float = _in("s a clip")
    caption_tokens: float = _in("tokens a caption")


class CoreCosts(Section):
    measured: str
    examine: float = _in("core-s per s of audio")
    resample: float = _in("core-s per s of audio")
    describe: float = _in("core-s per s of audio")
    pair: float = _in("core-s per s of an excerpt")
    crop: float = _in("core-s per s of a segment")
    low_pass: float = _in("core-s per s of a segment and low-pass")
    codec: float = _in("core-s per s of audio")
    vae: float = _in("core-s per s of audio")
    score: float = _in("core-s per s of an output")
    visqol: float = _in("core-s per s of an output")
    gflops: ByPrecision = Field(description="GFLOP/s a core")
    start: float = _in("s a training of the audit")
    flac_megabytes: float = _in("MB an hour")
    process_gib: float = _in("GiB")


class GpuCosts(Section):
    peak_tflops: ByPrecision = Field(description="TFLOP/s at best")
    utilisation: float = Field(gt=0, le=1, description="of the best")
    generation_steps: float = _in("tokens/s for each item of a batch")
    vae_seconds: float = _in("s of audio per s")
    least_step: float = _in("s a step of the audit")
    between_nodes: float = _in("GB/s")
    within_node: float = _in("GB/s")
    cores: int = _in("cores a GPU")


class UnitCosts(Section):
    corpus: CorpusCosts
    cores: CoreCosts
    gpu: GpuCosts


def unit_costs(values: Mapping[str, Any]) -> UnitCosts:
    """Checked unit costs; a ParameterError names every one that is unknown, missing or ill-typed."""
    return fitted(UnitCosts, values, "plan.yml")


def precision_of(precision: str) -> str:
    """The unit cost for Lightning's ``precision``: fp32, or bf16 for both kinds of 16 bits."""
    return "fp32" if precision.startswith("32") else "bf16"


def amount(costs: UnitCosts, name: str) -> str:
    """A unit cost with four digits, or two of them if it depends on the precision."""
    value = attrgetter(name)(costs)
    if isinstance(value, ByPrecision):
        return f"{{bf16: {value.bf16:.4g}, fp32: {value.fp32:.4g}}}"
    return f"{value:.4g}"


def unit(costs: UnitCosts, name: str) -> str:
    """The unit of a unit cost, ``group.name``."""
    group, last = name.split(".")
    return str(type(getattr(costs, group)).model_fields[last].description)


def origin(costs: UnitCosts, name: str) -> str:
    """``given``, or where a unit cost was measured."""
    unmeasured = not name.startswith("cores.") or name in ("cores.flac_megabytes", "cores.start")
    return "given" if unmeasured else f"measured {costs.cores.measured}"
