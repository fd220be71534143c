"""From issues to configurations: an arm is the aligned parameters with a few of them changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from saga_kedro.audit.issues import Changes
from saga_kedro.parameters import Parameters, changed
from saga_kedro.stages import all_values

Design = Literal["add_one", "fix_one"]


class NotGiven(ValueError):
    """An arm needs a parameter that is null: its name."""


def arm_of(base: Parameters, changes: Changes) -> Parameters:
    """The parameters with ``changes``, where a value ``@name`` is that of another parameter.

    Raises NotGiven if that one is null, ParameterError if a name is unknown or a value is refused.
    """
    return changed(base, {name: _referred(base, value) for name, value in changes.items()})


def _referred(base: Parameters, value: Any) -> Any:
    if not (isinstance(value, str) and value.startswith("@")):
        return value
    found: Any = base
    for name in value[1:].split("."):
        found = getattr(found, name, None)
    if found is None:
        raise NotGiven(value[1:])
    return found


def acts_in(baseline: Parameters, arm: Parameters) -> str:
    """Where an arm first differs from its baseline: ``training``, ``sampling``, ``measuring``, or ``nothing``."""
    for stage, where in (("audit_train", "training"), ("audit_score", "sampling")):
        if all_values(stage, baseline) != all_values(stage, arm):
            return where
    return "measuring" if baseline.audit.measure != arm.audit.measure else "nothing"


def serves_alike(one: Parameters, other: Parameters) -> bool:
    """Whether two configurations sample and load weights in the same way."""
    return (one.sample, one.audit.serve) == (other.sample, other.audit.serve)


def differences(one: Parameters, other: Parameters) -> dict[str, tuple[Any, Any]]:
    """Dotted names whose values differ -> the two values; None where one of them has no such parameter."""
    return _differences(one.model_dump(), other.model_dump(), "")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys([*one, *other]):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found |= _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found[prefix + name] = (a, b)
    return found
