"""From arms to answers: a verdict for each arm of each issue in each design."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from saga_kedro.audit.arms import CRASHED, DONE, ERROR, IDENTICAL, NOT_RUN
from saga_kedro.audit.plan import Planned
from saga_kedro.audit.statistics import LOOKS, MATTERS, NO_EFFECT, SIZE_OPEN, SMALL, UNDECIDED, answer, judge, level
from saga_kedro.audit.symptoms import SYMPTOMS

CAUSE, CRASHES, SAME, ONE_TRAINING, WAS_NOT_RUN = "cause", "crashes", "same", "one_training", "not_run"
KINDS = (CAUSE, CRASHES, MATTERS, SIZE_OPEN, UNDECIDED, SMALL, NO_EFFECT, SAME, ONE_TRAINING, WAS_NOT_RUN)
"""Answers, the most telling first; ``cause``: the arm alone gives a symptom; ``same``: to the last bit."""

COLUMNS = [
    "issue", "design", "arm", "says", "acts_in", "metric", "baseline_value", "value", "mean", "low", "high", "seeds", "margin",
    "kind", "better", "symptom", "trainings_needed", "reason", "detail",
]  # fmt: skip
EMPTY = dict.fromkeys(COLUMNS, math.nan) | dict.fromkeys(("better", "symptom", "reason", "detail"), "")


def verdicts(rows: pd.DataFrame, arms: Sequence[Planned], trainings: int, symptoms: pd.DataFrame | None = None) -> pd.DataFrame:
    """One verdict per issue, design and arm: ``COLUMNS``.

    ``trainings`` is the most that an arm could get, 1 where seeds are of sampling only; ``symptoms`` is of `symptoms.matrix`.
    ``kind`` is one of `KINDS`; ``seeds`` counts trainings; ``better`` says ``better`` or ``worse``, and nothing if the interval
    includes zero or no direction is better; ``trainings_needed`` is the fewest that can decide.
    """
    tested = rows[rows["status"].isin([DONE, ERROR])].query("seed >= 0").drop_duplicates(["issue", "design", "arm"])
    alpha = level(len(tested), trainings)
    lines = []
    for arm in arms:
        of_arm = rows[(rows["issue"] == arm.issue.id) & (rows["design"] == arm.design) & (rows["arm"] == arm.arm)]
        if of_arm.empty:
            continue
        head = {"issue": arm.issue.id, "design": arm.design, "arm": arm.arm, "says": arm.says, "acts_in": arm.acts_in}
        numbers = {"metric": arm.issue.metric, "margin": arm.issue.smallest_effect, "symptom": _symptom(arm, symptoms)}
        line: dict[str, Any] = EMPTY | head | numbers | _found(of_arm, arm, trainings, alpha)
        if line["symptom"] and line["kind"] not in (CRASHES, SAME):
            line["kind"] = CAUSE
        lines.append(line)
    return pd.DataFrame(lines, columns=COLUMNS)


def _symptom(arm: Planned, symptoms: pd.DataFrame | None) -> str:
    """The symptoms that the failing code's arm of an issue gives alone."""
    if symptoms is None or symptoms.empty or arm.design != "add_one" or arm.arm != arm.issue.as_found:
        return ""
    own = symptoms[symptoms["names"].isin([f"{arm.issue.id}: {arm.arm}", f"break {arm.issue.id}"])]
    return " ".join(name for name in SYMPTOMS if own[name].astype(bool).any())


def _found(rows: pd.DataFrame, arm: Planned, trainings: int, alpha: float) -> dict[str, Any]:
    """Kind, numbers and reason of one arm."""
    failed = rows[rows["status"] == ERROR]
    if len(failed):
        return {"kind": CRASHES, "seeds": len(failed), "reason": CRASHED, "detail": failed.iloc[0]["detail"]}
    first = rows.iloc[0]
    why = {"reason": first["reason"], "detail": first["detail"]}
    needed = {"trainings_needed": LOOKS[0]}
    zero = {"mean": 0.0, "low": 0.0, "high": 0.0}
    if first["status"] == NOT_RUN:
        return {"kind": WAS_NOT_RUN, "seeds": 0, **why, **({} if arm.needs else needed)}
    if first["status"] == IDENTICAL:
        return {"kind": SAME, "seeds": 1, **zero, **why}
    differences = rows["difference"].tolist()
    values = {"baseline_value": rows["baseline_value"].mean(), "value": rows["value"].mean()}
    if not any(differences):
        return {"kind": SAME, **values, **zero, "seeds": min(trainings, len(rows)), "reason": "same_numbers"}
    mean, margin = float(rows["difference"].mean()), arm.issue.smallest_effect
    better = ""
    if arm.issue.direction != "neither":
        better = "better" if (mean < 0) == (arm.issue.direction == "lower") else "worse"
    if trainings > 1:
        found = judge(differences, margin, alpha)
        numbers = {"seeds": found.seeds, "mean": found.mean, "low": found.low, "high": found.high}
        real = found.answer not in (NO_EFFECT, UNDECIDED)
        return {"kind": found.answer, **values, **numbers, "better": better if real else ""}
    if arm.acts_in == "measuring":  # the same outputs measured in two ways: the difference is exact
        return {"kind": answer(mean, mean, margin), **values, "seeds": 1, "mean": mean, "reason": "same_outputs"}
    return {"kind": ONE_TRAINING, **values, "seeds": 1, "mean": mean, "better": better, **needed}
