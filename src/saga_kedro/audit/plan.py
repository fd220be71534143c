"""What an audit has to do: every arm of every issue in every design, and the configurations that it compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga_kedro.audit.issues import Catalogue, Changes, Issue, as_found_changes
from saga_kedro.parameters import ParameterError, Parameters, changed
from saga_kedro.stages import all_values

ALIGNED, AS_FOUND = "aligned", "as_found"


@dataclass(frozen=True)
class Planned:
    """One arm in one design: two configurations to compare."""

    issue: Issue
    design: str  # ``add_one`` or ``fix_one``
    arm: str  # its name; of ``fix_one``, what is fixed
    says: str
    baseline_name: str
    parameters: Parameters  # the arm's configuration
    baseline: Parameters
    acts_in: str  # where the two first differ, as `acts_in` says
    needs: str = ""  # a parameter that is null here: the arm cannot run, and both configurations are the aligned one


class NotGiven(ValueError):
    """An arm needs a parameter that is null: its name."""


def plan(catalogue: Catalogue, chosen: list[Issue], parameters: Parameters) -> list[Planned]:
    """All arms of the chosen issues, by ``audit.design``; ValueError if one sets an unknown or ill-typed parameter.

    ``add_one`` adds an arm to the aligned configuration. ``fix_one`` fixes one issue in the failing code, in each way there is;
    that code has the defects of every issue in the catalogue.
    """
    aligned, as_found, design = aligned_of(parameters), as_found_changes(catalogue), parameters.audit.design
    arms: list[Planned] = []
    for issue in chosen:
        if design in ("both", "add_one"):
            for name, arm in issue.arms.items():
                if name != ALIGNED:
                    against = arm.against or ALIGNED
                    baseline = issue.arms[against].set
                    arms.append(_planned(aligned, arm.set, baseline, issue, ("add_one", name, arm.says, against)))
        if design in ("both", "fix_one") and issue.as_found is not None:
            fixes = {ALIGNED: as_found_changes(catalogue, without=[issue.id])}
            fixes |= {name: as_found | fix for name, fix in issue.fix.items()}
            for name, fixed in fixes.items():
                says = f"as found, but: {issue.arms[ALIGNED].says if name == ALIGNED else name.replace('_', ' ')}"
                arms.append(_planned(aligned, fixed, as_found, issue, ("fix_one", name, says, AS_FOUND)))
    return arms


def _planned(
    aligned: Parameters, change: Changes, baseline_change: Changes, issue: Issue, named: tuple[str, str, str, str]
) -> Planned:
    """An arm from its changes of the aligned configuration; ``named`` are design, name, words and baseline's name."""
    try:
        arm, baseline = arm_of(aligned, change), arm_of(aligned, baseline_change)
    except NotGiven as missing:
        return Planned(issue, *named, aligned, aligned, issue.acts_in, str(missing))
    except ParameterError as error:
        raise ValueError(f"Issue {issue.id}, arm {named[1]}: {error}") from None
    return Planned(issue, *named, arm, baseline, acts_in(baseline, arm))


def baselines(catalogue: Catalogue, parameters: Parameters) -> dict[str, Parameters]:
    """The two configurations that everything is compared with: ``aligned`` and ``as_found``."""
    aligned = aligned_of(parameters)
    return {ALIGNED: aligned, AS_FOUND: arm_of(aligned, as_found_changes(catalogue))}


def aligned_of(parameters: Parameters) -> Parameters:
    """The aligned configuration of a run: its parameters with the budget's changes."""
    return arm_of(parameters, parameters.audit.budgets[parameters.audit.budget].set)


def arm_of(base: Parameters, changes: Changes) -> Parameters:
    """The parameters with ``changes``; a value ``@name`` is that of another parameter, which raises NotGiven if it is null."""
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


def differences(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Dotted names whose values differ -> the two values; None where one of them has no such parameter."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys([*one, *other]):
        a, b = one.get(name), other.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found |= differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found[prefix + name] = (a, b)
    return found
