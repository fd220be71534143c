"""What an audit has to do: every arm of every issue in every design, and the baselines that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from saga_kedro.audit.configurations import Design, NotGiven, acts_in, arm_of
from saga_kedro.audit.issues import Catalogue, Changes, Issue, as_found_changes
from saga_kedro.parameters import ParameterError, Parameters

ALIGNED, AS_FOUND = "aligned", "as_found"


@dataclass(frozen=True)
class Planned:
    """One arm in one design; ``change`` and ``baseline_change`` are changes of ``base``."""

    issue: Issue
    design: Design  # ``add_one`` or ``fix_one``
    arm: str  # its name; of ``fix_one``, what is fixed
    says: str
    base: Parameters  # the aligned configuration with the budget's changes
    change: Changes
    baseline_change: Changes
    baseline_name: str

    @cached_property
    def parameters(self) -> Parameters:
        """The arm's configuration; NotGiven if it needs a parameter that is null."""
        return arm_of(self.base, self.change)

    @cached_property
    def baseline(self) -> Parameters:
        """The configuration that the arm is compared with; errors as of ``parameters``."""
        return arm_of(self.base, self.baseline_change)

    @cached_property
    def needs(self) -> str:
        """The parameter without which the arm cannot be run; empty where nothing is missing."""
        try:
            _ = self.parameters, self.baseline
        except NotGiven as missing:
            return str(missing)
        return ""

    @cached_property
    def acts_in(self) -> str:
        """Where the two configurations first differ; of an arm that cannot be run, where its issue says."""
        return self.issue.acts_in if self.needs else acts_in(self.baseline, self.parameters)


def aligned_of(parameters: Parameters) -> Parameters:
    """The aligned configuration of a run: its parameters with the budget's changes."""
    return arm_of(parameters, parameters.audit.budgets[parameters.audit.budget].set)


def baselines(catalogue: Catalogue, parameters: Parameters) -> dict[str, Parameters]:
    """The two configurations that everything is compared with: ``aligned`` and ``as_found``."""
    aligned = aligned_of(parameters)
    return {ALIGNED: aligned, AS_FOUND: arm_of(aligned, as_found_changes(catalogue))}


def plan(catalogue: Catalogue, chosen: list[Issue], parameters: Parameters) -> list[Planned]:
    """All arms of the chosen issues, by ``audit.design``; ValueError if one sets an unknown or ill-typed parameter.

    The as-found baseline has the defects of every issue in the catalogue.
    """
    base, design = aligned_of(parameters), parameters.audit.design
    arms: list[Planned] = []
    for issue in chosen:
        if design in ("both", "add_one"):
            arms += _added(issue, base)
        if design in ("both", "fix_one") and issue.as_found is not None:
            arms += _fixed(issue, base, catalogue)
    for arm in arms:
        try:
            _ = arm.needs
        except ParameterError as error:
            raise ValueError(f"Issue {arm.issue.id}, arm {arm.arm}: {error}") from None
    return arms


def _added(issue: Issue, base: Parameters) -> Iterator[Planned]:
    """Each arm of an issue added to the aligned configuration."""
    for name, arm in issue.arms.items():
        if name != ALIGNED:
            against = arm.against or ALIGNED
            yield Planned(issue, "add_one", name, arm.says, base, arm.set, issue.arms[against].set, against)


def _fixed(issue: Issue, base: Parameters, catalogue: Catalogue) -> Iterator[Planned]:
    """The failing code with this issue alone fixed, in each way that there is."""
    as_found = as_found_changes(catalogue)
    fixes = {ALIGNED: as_found_changes(catalogue, without=[issue.id])}
    fixes |= {name: as_found | fix for name, fix in issue.fix.items()}
    for name, change in fixes.items():
        how = issue.arms[ALIGNED].says if name == ALIGNED else name.replace("_", " ")
        yield Planned(issue, "fix_one", name, f"as found, but: {how}", base, change, as_found, AS_FOUND)
