"""An issue is data: what is suspected, in which arms it is tried, and which number decides it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Changes = dict[str, Any]
"""Parameter, as ``sample.guidance``, to the value that an arm gives it."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Data):
    """Where a suspicion comes from."""

    document: Literal["S1", "S2", "F", "P", "C"]
    section: str
    en: str = ""  # the section in English


class Claim(_Data):
    """What is claimed."""

    zh: str | None = None  # the document's own words
    en: str


class Arm(_Data):
    """One variant."""

    says: str
    zh: str = ""
    set: Changes = Field(default_factory=dict)  # what it changes in the aligned configuration
    against: str | None = None  # the issue's arm that it is compared with; None is aligned


class Chinese(_Data):
    """An issue's fields of the same names in Chinese; ``claim`` if the document has no words for it."""

    title: str
    difference: str
    authors: str
    do: str
    note: str = ""
    claim: str = ""


class Issue(_Data):
    """One suspicion."""

    id: str
    title: str
    source: list[Source] = Field(min_length=1)
    claim: Claim
    acts_in: Literal["training", "sampling", "measuring"]  # where the failing code's arm changes anything
    metric: str  # the number that decides, fixed beforehand: see `arms.value_of`
    direction: Literal["lower", "higher", "neither"]  # what is better
    smallest_effect: float = Field(gt=0)  # the least difference of that number that matters, in its unit
    arms: dict[str, Arm]  # one of them is ``aligned``
    as_found: str | None  # the failing code's arm; None if not in the as-found baseline
    not_in_baseline: str | None = None
    fix: dict[str, Changes] = Field(default_factory=dict)  # other ways to fix ``as_found`` without a new training
    differs: Literal["yes", "no", "sources disagree"]  # does the failing code differ here from paper and authors' code?
    difference: str  # what the failing code does
    authors: str  # what the paper and its authors do
    do: str  # what to do about it
    zh: Chinese | None = None
    note: str = ""

    @model_validator(mode="after")
    def _names_fit(self) -> Issue:
        if "aligned" not in self.arms or self.arms["aligned"].set:
            raise ValueError(f"issue {self.id} needs an arm called aligned that sets nothing")
        for name in (self.as_found, *(arm.against for arm in self.arms.values())):
            if name is not None and name not in self.arms:
                raise ValueError(f"issue {self.id} speaks of an arm {name!r}, but has {', '.join(self.arms)}")
        if self.as_found is None and not self.not_in_baseline:
            raise ValueError(f"issue {self.id} has no arm of the failing code: say why in not_in_baseline")
        return self


class Ladder(_Data):
    """Ids of the issues fixed one after the other in the failing code, and of those broken alone in the aligned one."""

    fix: list[str]
    break_again: list[str]


class Catalogue(_Data):
    """All issues, what the failing code does besides, and the order in which the ladder fixes it."""

    as_found_besides: Changes = Field(default_factory=dict)
    ladder: Ladder
    issues: list[Issue]

    @model_validator(mode="after")
    def _ids_fit(self) -> Catalogue:
        ids = [issue.id for issue in self.issues]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"the issue {twice[0]} is there twice")
        found = [issue.id for issue in self.issues if issue.as_found is not None]
        if sorted(self.ladder.fix) != sorted(found):
            raise ValueError(f"ladder.fix must name each issue that the failing code has, once: {', '.join(found)}")
        if unknown := [name for name in self.ladder.break_again if name not in found]:
            raise ValueError(f"ladder.break_again names {unknown[0]}, which the failing code does not have")
        return self


def read_catalogue(path: str | Path) -> Catalogue:
    """The issues in a YAML file; a ValueError names the first thing that is wrong in it."""
    try:
        return Catalogue.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}.") from None


def choose(catalogue: Catalogue, wanted: str) -> list[Issue]:
    """The issues that ``wanted`` names: ``all``, an id, or several joined with ``+``; a ValueError suggests the nearest."""
    if wanted == "all":
        return list(catalogue.issues)
    known = {issue.id: issue for issue in catalogue.issues}
    chosen = dict.fromkeys(wanted.split("+"))
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"There is no issue {name!r}: {hint}the known ones are {', '.join(known)}.")
    return [known[name] for name in chosen]


def as_found_changes(catalogue: Catalogue, without: Sequence[str] = ()) -> Changes:
    """What makes the aligned configuration the failing code's, but for the issues ``without``; ValueError if two disagree."""
    changes: Changes = dict(catalogue.as_found_besides)
    owner: dict[str, str] = dict.fromkeys(changes, "as_found_besides")
    for issue in catalogue.issues:
        wrong = issue.arms[issue.as_found].set if issue.as_found and issue.id not in without else {}
        for name, value in wrong.items():
            if name in changes and changes[name] != value:
                raise ValueError(
                    f"{issue.id} and {owner[name]} disagree on {name} in the failing code: {value!r} or {changes[name]!r}."
                )
            changes[name], owner[name] = value, issue.id
    return changes
