"""From arms to answers: a verdict for each arm of each issue in each design."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from saga_kedro.audit.arms import DONE, ERROR, IDENTICAL, NOT_RUN
from saga_kedro.audit.plan import Planned
from saga_kedro.audit.statistics import LOOKS, MATTERS, NO_EFFECT, UNDECIDED, judge, level
from saga_kedro.audit.symptoms import SYMPTOMS

CAUSE, CRASHES, SAME, ONE_TRAINING, WAS_NOT_RUN = "cause", "crashes", "same", "one_training", "not_run"
KINDS = (CAUSE, MATTERS, NO_EFFECT, CRASHES, SAME, UNDECIDED, ONE_TRAINING, WAS_NOT_RUN)
"""What can be said of an arm: it alone gives a symptom; it matters; it has no effect larger than ``margin``; it crashes; it is
the same to the last bit; as many trainings as were allowed did not decide; there was one training, which decides nothing; not
run."""

COLUMNS = [
    "issue", "design", "arm", "says", "acts_in", "metric", "baseline_value", "value", "mean", "low", "high", "seeds", "margin",
    "kind", "better", "symptom", "trainings_needed", "hours_needed", "reason",
]  # fmt: skip


def verdicts(
    rows: pd.DataFrame,
    arms: Sequence[Planned],
    trainings: int,
    symptoms: pd.DataFrame | None = None,
    hours_per_training: float = math.nan,
) -> pd.DataFrame:
    """One verdict per issue, design and arm.

    Args:
        rows: of `saga_kedro.audit.arms.run_arms`.
        arms: that were planned.
        trainings: the most that an arm could get; 1 where seeds are of sampling only.
        symptoms: of `saga_kedro.audit.symptoms.matrix`: which causes give a symptom alone; None if not measured.
        hours_per_training: of this machine, for what is not decided.

    Returns:
        ``COLUMNS``; ``kind`` is one of `KINDS`; ``seeds`` counts trainings; ``better``: ``better`` or ``worse`` than the
        baseline, empty where that means nothing; ``trainings_needed``: the fewest that can decide.
    """
    tested = rows[rows["status"].isin([DONE, ERROR])].query("seed >= 0").drop_duplicates(["issue", "design", "arm"])
    alpha = level(len(tested), trainings)
    lines = []
    for arm in arms:
        of_arm = rows[(rows["issue"] == arm.issue.id) & (rows["design"] == arm.design) & (rows["arm"] == arm.arm)]
        if of_arm.empty:
            continue
        line: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan) | {
            "issue": arm.issue.id,
            "design": arm.design,
            "arm": arm.arm,
            "says": arm.says,
            "acts_in": arm.acts_in,
            "metric": arm.issue.metric,
            "margin": arm.issue.smallest_effect,
            "better": "",
            "symptom": _symptom(arm, symptoms),
            "reason": "",
        }
        lines.append(line | _found(of_arm, arm, trainings, alpha, hours_per_training))
        if lines[-1]["symptom"] and lines[-1]["kind"] not in (CRASHES, SAME):
            lines[-1]["kind"] = CAUSE
    return pd.DataFrame(lines, columns=COLUMNS)


def _symptom(arm: Planned, symptoms: pd.DataFrame | None) -> str:
    """The symptoms that what the failing code does here gives alone."""
    if symptoms is None or symptoms.empty or arm.design != "add_one" or arm.arm != arm.issue.as_found:
        return ""
    own = symptoms[symptoms["names"] == f"{arm.issue.id}: {arm.arm}"]
    return "; ".join(says for name, says in SYMPTOMS.items() if own[name].astype(bool).any())


def _found(rows: pd.DataFrame, arm: Planned, trainings: int, alpha: float, hours_per_training: float) -> dict[str, Any]:
    """Kind, numbers and reason of one arm."""
    failed = rows[rows["status"] == ERROR]
    if len(failed):
        return {"kind": CRASHES, "seeds": len(failed), "reason": failed.iloc[0]["reason"]}
    first = rows.iloc[0]
    configurations = 2 if arm.acts_in == "training" else 1  # an arm of its own is trained beside its baseline
    needed = {"trainings_needed": LOOKS[0], "hours_needed": LOOKS[0] * configurations * hours_per_training}
    if first["status"] == NOT_RUN:
        return {"kind": WAS_NOT_RUN, "seeds": 0, "reason": first["reason"], **(needed if not arm.impossible else {})}
    if first["status"] == IDENTICAL:
        return {"kind": SAME, "seeds": 1, "mean": 0.0, "low": 0.0, "high": 0.0, "reason": first["reason"]}
    differences = rows["difference"].tolist()
    values = {"baseline_value": rows["baseline_value"].mean(), "value": rows["value"].mean()}
    if not any(differences):
        numbers = {"seeds": min(trainings, len(rows)), "mean": 0.0, "low": 0.0, "high": 0.0}
        return {"kind": SAME, **values, **numbers, "reason": "every number is the baseline's, to the last bit"}
    mean = float(rows["difference"].mean())
    better = ""
    if arm.issue.direction != "neither":
        better = "better" if (mean < 0) == (arm.issue.direction == "lower") else "worse"
    if trainings > 1:
        found = judge(differences, arm.issue.smallest_effect, alpha)
        numbers = {"seeds": found.seeds, "mean": found.mean, "low": found.low, "high": found.high}
        return {"kind": found.answer, **values, **numbers, "better": better if found.answer == MATTERS else ""}
    if arm.acts_in == "measuring":  # the same outputs measured in two ways: no training comes into it
        kind = MATTERS if abs(mean) >= arm.issue.smallest_effect else NO_EFFECT
        return {"kind": kind, **values, "seeds": 1, "mean": mean, "reason": "the same outputs, measured in two ways"}
    return {"kind": ONE_TRAINING, **values, "seeds": 1, "mean": mean, "better": better, **needed}


def sentence(line: Mapping[str, Any] | pd.Series) -> str:
    """A verdict in words: ``matters: +0.31 [+0.22, +0.40], worse (5 trainings)``."""
    kind, mean = line["kind"], line["mean"]
    if kind == CRASHES:
        return f"crashes: {line['reason'].rstrip('.')}"
    if kind == SAME:
        return f"the same: {line['reason']}"
    needed, hours = line["trainings_needed"], line["hours_needed"]
    more = (
        ""
        if pd.isna(needed)
        else f"; {int(needed)} trainings or more decide" + ("" if pd.isna(hours) else f", from {hours:.1f} h")
    )
    if kind == WAS_NOT_RUN:
        return f"not run: {line['reason']}{more}"
    if kind == ONE_TRAINING:
        return f"on this training: {mean:+.3g}{', ' + line['better'] if line['better'] else ''}{more}"
    how = f" ({line['seeds']} trainings)" if line["seeds"] > 1 else f" ({line['reason']})" if line["reason"] else ""
    interval = "" if math.isnan(line["low"]) else f" [{line['low']:+.3g}, {line['high']:+.3g}]"
    if kind == NO_EFFECT:
        return f"no effect larger than {line['margin']:g}: {mean:+.3g}{interval}{how}"
    if kind == UNDECIDED:
        return f"undecided: {mean:+.3g}{interval}, so at most {max(abs(line['low']), abs(line['high'])):.3g}{how}"
    said = f"{mean:+.3g}{interval}{', ' + line['better'] if line['better'] else ''}{how}"
    return f"cause of «{line['symptom']}»: {said}" if kind == CAUSE else f"matters: {said}"
