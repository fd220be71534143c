"""The unit costs that a plan is made of: conf/base/plan.yml."""

from __future__ import annotations

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
    """Seconds of one core, but for the last three."""

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
    flac_megabytes: float = _in("MB an hour")
    process_gib: float = _in("GiB")


class GpuCosts(Section):
    peak_tflops: ByPrecision = Field(description="TFLOP/s at best")
    utilisation: float = Field(gt=0, le=1, description="of the best")
    generation_steps: float = _in("tokens/s for each item of a batch")
    vae_seconds: float = _in("s of audio per s")
    between_nodes: float = _in("GB/s")
    within_node: float = _in("GB/s")
    cores: int = _in("cores a GPU")


class UnitCosts(Section):
    """conf/base/plan.yml says what its fields are, and from where."""

    corpus: CorpusCosts
    cores: CoreCosts
    gpu: GpuCosts


def unit_costs(values: Mapping[str, Any]) -> UnitCosts:
    """Checked unit costs; a ParameterError names every one that is unknown, missing or ill-typed."""
    return fitted(UnitCosts, values, "plan.yml")


def precision_of(precision: str) -> str:
    """What a training of Lightning's ``precision`` multiplies in: bf16 (16 bits of either kind) or fp32."""
    return "fp32" if precision.startswith("32") else "bf16"


def amount(costs: UnitCosts, name: str) -> str:
    """A unit cost in four digits; two, where it depends on the precision."""
    value = attrgetter(name)(costs)
    if isinstance(value, ByPrecision):
        return f"{{bf16: {value.bf16:.4g}, fp32: {value.fp32:.4g}}}"
    return f"{value:.4g}"


def unit(costs: UnitCosts, name: str) -> str:
    """What a unit cost, ``group.name``, is counted in."""
    group, last = name.split(".")
    return str(type(getattr(costs, group)).model_fields[last].description)


def origin(costs: UnitCosts, name: str) -> str:
    """Whether a unit cost was measured, and where; or given."""
    unmeasured = not name.startswith("cores.") or name == "cores.flac_megabytes"
    return "given" if unmeasured else f"measured {costs.cores.measured}"
