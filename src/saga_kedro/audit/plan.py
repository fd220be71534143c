"""What an audit has to do: every arm of every issue in every design, and the baselines that they are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saga_kedro.audit.configurations import Design, NotGiven, acts_in, changed
from saga_kedro.audit.issues import Catalogue, Changes, Issue, as_found_changes
from saga_kedro.parameters import ParameterError, validate

ALIGNED, AS_FOUND = "aligned", "as_found"


@dataclass(frozen=True)
class Planned:
    """One arm in one design.

    Attributes:
        issue: whose arm it is.
        design: ``add_one`` or ``fix_one``.
        arm: its name; of ``fix_one``, what is put right.
        says: in a few words.
        parameters: its configuration, the budget's changes included.
        baseline: the configuration that it is compared with.
        baseline_name: how that is called.
        acts_in: where the two configurations first differ.
        impossible: why it cannot be run, or empty.
    """

    issue: Issue
    design: Design
    arm: str
    says: str
    parameters: dict[str, Any]
    baseline: dict[str, Any]
    baseline_name: str
    acts_in: str
    impossible: str = ""


def baselines(catalogue: Catalogue, parameters: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The two configurations that everything is compared with: ``aligned`` and ``as_found``, the budget's changes included."""
    aligned = changed(parameters, parameters["audit"]["budgets"][parameters["audit"]["budget"]]["set"])
    return {ALIGNED: aligned, AS_FOUND: changed(aligned, as_found_changes(catalogue))}


def plan(catalogue: Catalogue, chosen: list[Issue], parameters: dict[str, Any]) -> list[Planned]:
    """All arms of the chosen issues.

    Args:
        catalogue: all issues; the as-found baseline has the defects of all of them.
        chosen: those that are asked for.
        parameters: all of them; ``audit.design`` and ``audit.budget`` are used.

    Raises:
        ValueError: an arm sets a parameter that is unknown or ill-typed.
    """
    both = baselines(catalogue, parameters)
    design = parameters["audit"]["design"]
    arms: list[Planned] = []
    for issue in chosen:
        if design in ("both", "add_one"):
            arms += [
                _planned(issue, "add_one", name, arm.says, both[ALIGNED], arm.set, *_against(issue, name, both[ALIGNED]))
                for name, arm in issue.arms.items()
                if name != ALIGNED
            ]
        if design in ("both", "fix_one") and issue.as_found is not None:
            without = as_found_changes(catalogue, without=[issue.id])
            says = f"as found, but: {issue.arms[ALIGNED].says}"
            arms.append(_planned(issue, "fix_one", ALIGNED, says, both[ALIGNED], without, both[AS_FOUND], AS_FOUND))
            for name, fix in issue.fix.items():
                says = f"as found, but {name.replace('_', ' ')}"
                arms.append(_planned(issue, "fix_one", name, says, both[AS_FOUND], fix, both[AS_FOUND], AS_FOUND))
    return arms


def _against(issue: Issue, name: str, aligned: dict[str, Any]) -> tuple[dict[str, Any], str]:
    other = issue.arms[name].against
    if other is None:
        return aligned, ALIGNED
    try:
        return changed(aligned, issue.arms[other].set), other
    except NotGiven:
        return aligned, other


def _planned(
    issue: Issue,
    design: Design,
    name: str,
    says: str,
    start: dict[str, Any],
    changes: Changes,
    baseline: dict[str, Any],
    baseline_name: str,
) -> Planned:
    try:
        arm = changed(start, changes)
    except NotGiven as missing:
        return Planned(issue, design, name, says, start, baseline, baseline_name, issue.acts_in, str(missing))
    try:
        validate(arm)
    except ParameterError as error:
        raise ValueError(f"Issue {issue.id}, arm {name}: {error.message}") from None
    return Planned(issue, design, name, says, arm, baseline, baseline_name, acts_in(baseline, arm))
