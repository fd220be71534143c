"""What each stage of the project depends on, and the key that names its result. Nothing else makes keys.

A key hashes the values of the parameters that a stage reads, the code that computes it, and the keys of its inputs. Two
results with one key are the same result: training resumes, caches are read and DVC skips a stage only where keys are equal.

Code counts as its syntax tree without comments and docstrings, so editing those keeps every result. It is the module that a
stage names and every module of this package that it imports, whether at the top or inside a function, except `PASSIVE`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Parameters

SOURCE = Path(__file__).parent
PASSIVE = {"errors", "files", "loaded_once", "locks", "parallel", "parameters", "quiet", "stages", "tracking", "weights"}
"""Modules that change no result: workers, files, logging. Parameters count by their values."""


@dataclass(frozen=True)
class Stage:
    """The parameters that a stage reads (dotted names), the modules that compute it, and the stages whose results it reads."""

    parameters: tuple[str, ...]
    code: tuple[str, ...]
    inputs: tuple[str, ...] = ()


SEGMENTS = (
    "seed",
    "vary",
    *(f"degrade.{name}" for name in ("low_pass", "minimum_order", "maximum_order", "minimum_hz", "maximum_hz")),
    *(f"degrade.{name}" for name in ("spread", "bits", "draws", "crops")),
    *(f"model.{name}" for name in ("segment_samples", "channels", "rolloff", "codec", "text")),
    *(f"fit.{name}" for name in ("minimum_bandwidth_hz", "segments_per_origin")),
    "caption.window_seconds",
)
"""Parameters of a training segment."""
PAIRS = tuple(f"degrade.{name}" for name in ("cutoffs_khz", "order", "excerpt_seconds", "pairs_per_category"))

STAGES = {
    "ingest": Stage(("seed", "ingest", "used_repositories"), ("corpora.ingest",)),
    "resample": Stage((), ("corpora.resampled",), ("ingest",)),
    "caption": Stage(("caption",), ("captioning.captions",), ("resample",)),
    "degrade": Stage(PAIRS, ("evaluation.pairs",), ("resample",)),
    "caption_pairs": Stage(("caption",), ("captioning.captions",), ("degrade",)),
    "encode": Stage((*SEGMENTS, "encode.latents", "encode.shard_segments"), ("training.encode",), ("resample", "caption")),
    "fit": Stage(("model", "fit"), ("training.run",), ("encode",)),
    "evaluate": Stage(
        ("seed", "sample", "evaluate"),
        ("evaluation.model_scores", "reporting.results", "reporting.examples"),
        ("fit", "degrade", "caption_pairs"),
    ),
    "report": Stage(
        ("report",), ("reporting.results", "reporting.plots", "evaluation.score", "evaluation.rolloff_dial"), ("evaluate",)
    ),
    "audit_train": Stage(("audit.start", "audit.checkpoint"), ("audit.training",), ("fit",)),
    "audit_score": Stage(("seed", "sample", "audit.serve"), ("audit.scoring",), ("audit_train",)),
}
WITHOUT = {"fit.workers", "fit.log_every", "ingest.clones"}
"""Parameters inside these sections that change no result."""


def key(stage: str, parameters: Parameters, data_version: str = "") -> str:
    """The key of a stage's result: 32 hexadecimal digits. ``data_version`` is that of the clips, if known: files outside the
    project may change under the same parameters."""
    inputs = [key(one, parameters, data_version) for one in inputs_of(stage, parameters)]
    return parameter_hash(stage, values(stage, parameters), code(stage), inputs, data_version)


def digits(stage: str, parameters: Parameters) -> str:
    """Ten digits of the parameters alone, which name the folder of a stage's result."""
    inputs = [digits(one, parameters) for one in inputs_of(stage, parameters)]
    return parameter_hash(stage, values(stage, parameters), inputs)[:10]


def values(stage: str, parameters: Parameters) -> dict[str, Any]:
    """Dotted names and values of the parameters that a stage itself reads."""
    return {name: _plain(name, attrgetter(name)(parameters)) for name in STAGES[stage].parameters}


def all_values(stage: str, parameters: Parameters) -> dict[str, Any]:
    """As `values`, of the stage and of all stages before it."""
    found: dict[str, Any] = {}
    for one in inputs_of(stage, parameters):
        found |= all_values(one, parameters)
    return found | values(stage, parameters)


def logged(parameters: Parameters) -> dict[str, Any]:
    """Every parameter that scores depend on, for MLflow and the report; repositories as names and commits."""
    found = all_values("evaluate", parameters)
    used = found.pop("used_repositories")
    return found | ({"repositories": {one.name: one.commit for one in parameters.used_repositories}} if used else {})


def inputs_of(stage: str, parameters: Parameters) -> tuple[str, ...]:
    """The stages that a stage reads: an evaluation of a model that is given reads no training."""
    given = stage == "evaluate" and parameters.evaluate.model
    return tuple(one for one in STAGES[stage].inputs if not (given and one == "fit"))


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {inner: one for inner, one in value.model_dump(mode="json").items() if f"{name}.{inner}" not in WITHOUT}
    return [_plain(name, one) for one in value] if isinstance(value, list) else value


@cache
def code(stage: str) -> str:
    """The hash of the code that computes a stage: 32 hexadecimal digits."""
    return parameter_hash({name: _module(name)[0] for name in modules(stage)})


@cache
def modules(stage: str) -> list[str]:
    """The sorted names, below the package, of the modules that a stage runs."""
    found: set[str] = set()
    waiting = list(STAGES[stage].code)
    while waiting:
        name = waiting.pop()
        if name not in found and name.split(".")[0] not in PASSIVE:
            found.add(name)
            waiting += _module(name)[1]
    return sorted(found)


def _file(name: str) -> Path | None:
    place = SOURCE.joinpath(*name.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


@cache
def _module(name: str) -> tuple[str, list[str]]:
    """The hash of a module's syntax tree without docstrings, and the modules of this package that it imports."""
    file = _file(name)
    if file is None:
        raise ValueError(f"There is no module {name} in {SOURCE.name}, which saga_kedro/stages.py names.")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # a string alone in a line is a docstring, of an attribute too
            node.body = [line for line in node.body if not _is_docstring(line)] or [ast.Pass()]
    return parameter_hash(ast.dump(tree)), [one for one in _imports(tree) if _file(one)]


def _is_docstring(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Names below the package that a module imports: modules, what is in them, and the packages above them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and re.match(rf"{SOURCE.name}(\.|$)", node.module or ""):
            parts = (node.module or "").split(".")[1:]
            yield from (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            yield from (".".join([*parts, alias.name]) for alias in node.names)
