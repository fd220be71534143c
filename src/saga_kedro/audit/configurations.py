"""From issues to configurations: an arm is the aligned parameters with a few of them changed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from saga_kedro.audit.issues import Changes
from saga_kedro.configuration import TRAINS, corpus_parameters

Design = Literal["add_one", "fix_one"]

# Of the section `audit`, what a training depends on beside TRAINS.
STARTS = ("start", "checkpoint")


class NotGiven(ValueError):
    """An arm needs a parameter that is null."""


def changed(parameters: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """The parameters with some of them replaced.

    Args:
        parameters: nested.
        changes: dotted name -> value; ``@name`` is the value of another parameter.

    Raises:
        ValueError: a section that a name speaks of is not there.
        NotGiven: a parameter that ``@`` refers to is null.
    """
    result = copy.deepcopy(dict(parameters))
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = result
        for section in sections:
            if not isinstance(place.get(section), dict):
                raise ValueError(f"There is no section {section!r} of parameters, which {name} speaks of.")
            place = place[section]
        if isinstance(value, str) and value.startswith("@"):
            given = look_up(parameters, value[1:])
            if given is None:
                raise NotGiven(f"needs the parameter {value[1:]}")
            value = given
        place[last] = copy.deepcopy(value)
    return result


def look_up(parameters: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name; None where it is not there."""
    place: Any = parameters
    for section in name.split("."):
        if not isinstance(place, Mapping) or section not in place:
            return None
        place = place[section]
    return place


def trains_as(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the weights of a configuration depend on: two configurations that are equal in it share a training."""
    own = {name: parameters["audit"][name] for name in STARTS} | {"latents": parameters["encode"]["latents"]}
    corpus = corpus_parameters(parameters["ingest"], parameters.get("repositories", []))
    return {**{name: parameters[name] for name in TRAINS}, **corpus, **own}


def serves_as(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the outputs of a configuration depend on."""
    return {**trains_as(parameters), "sample": parameters["sample"], "serve": parameters["audit"]["serve"]}


def acts_in(aligned: Mapping[str, Any], arm: Mapping[str, Any]) -> str:
    """Where a configuration first differs from the aligned one: ``training``, ``sampling``, ``measuring``, or ``nothing``."""
    if trains_as(aligned) != trains_as(arm):
        return "training"
    if serves_as(aligned) != serves_as(arm):
        return "sampling"
    return "measuring" if aligned["audit"]["measure"] != arm["audit"]["measure"] else "nothing"


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted names whose values differ: the two values; None stands for what one of them has not."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in [*one, *(name for name in other if name not in one)]:
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found |= differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found[prefix + name] = (a, b)
    return found
