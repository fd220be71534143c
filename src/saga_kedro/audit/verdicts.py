"""From arms to answers: a verdict per arm, corrected over issues, and three columns per issue."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from saga_kedro.audit.arms import DONE, ERROR, IDENTICAL, NOT_RUN
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.statistics import ALPHA, EFFECT, NO_EFFECT, UNDECIDED, holm, judge, p_value

CRASHES, NOT_DECIDED = "crashes", "not decided"
COLUMNS = [
    "issue", "design", "arm", "says", "acts_in", "metric", "baseline_value", "value", "mean", "low", "high", "confidence", "p",
    "seeds", "smallest_effect", "answer", "better", "more_seeds", "reason",
]  # fmt: skip


def verdicts(rows: pd.DataFrame, issues: Sequence[Issue], says: dict[tuple[str, str, str], str]) -> pd.DataFrame:
    """One verdict per issue, design and arm.

    The family that is corrected is the issues of one design: an issue's p is its smallest times its number of arms (Bonferroni
    within the issue), Holm's procedure over issues gives each issue's level, and each of its arms is tested at that level over
    the number of arms.

    Args:
        rows: of `saga_kedro.audit.arms.run_arms`.
        issues: that were run.
        says: (issue, design, arm) -> what the arm is.

    Returns:
        ``COLUMNS``. ``answer`` is ``effect``, ``no effect`` (larger than ``smallest_effect``), ``undecided``, ``crashes`` or
        ``not decided`` (was not run); ``better``: whether the arm is better than its baseline, empty where that means nothing.
    """
    lines = []
    for design in ("add_one", "fix_one"):
        of_design = rows[rows["design"] == design]
        levels = _levels(of_design, issues)
        for issue in issues:
            of_issue = of_design[of_design["issue"] == issue.id]
            for arm in dict.fromkeys(of_issue["arm"]):
                chosen = of_issue[of_issue["arm"] == arm]
                lines.append(
                    _line(chosen, issue, design, str(arm), says[(issue.id, design, str(arm))], levels.get(issue.id, ALPHA))
                )
    return pd.DataFrame(lines, columns=COLUMNS)


def _levels(rows: pd.DataFrame, issues: Sequence[Issue]) -> dict[str, float]:
    """Level at which each arm of an issue is tested."""
    tested: dict[str, list[float]] = {}
    for issue in issues:
        done = rows[(rows["issue"] == issue.id) & (rows["status"] == DONE)]
        if len(done):
            tested[issue.id] = [p_value(group["difference"].dropna().tolist()) for _, group in done.groupby("arm")]
    names = list(tested)
    worst = [min(1.0, len(tested[name]) * min((p for p in tested[name] if not math.isnan(p)), default=1.0)) for name in names]
    return {name: level / len(tested[name]) for name, level in zip(names, holm(worst), strict=True)}


def _line(rows: pd.DataFrame, issue: Issue, design: str, arm: str, says: str, alpha: float) -> tuple:
    first = rows.iloc[0]
    head = (issue.id, design, arm, says, first["acts_in"], issue.metric)
    blank = (math.nan,) * 7
    failed = rows[rows["status"] == ERROR]
    if len(failed):
        return (*head, *blank, len(failed), issue.smallest_effect, CRASHES, "", math.nan, failed.iloc[0]["reason"])
    if first["status"] == NOT_RUN:
        return (*head, *blank, 0, issue.smallest_effect, NOT_DECIDED, "", math.nan, first["reason"])
    if first["status"] == IDENTICAL:
        numbers = (math.nan, math.nan, 0.0, 0.0, 0.0, 1.0, 1.0)
        return (*head, *numbers, 1, issue.smallest_effect, NO_EFFECT, "", math.nan, first["reason"])
    found = judge(rows["difference"].tolist(), issue.smallest_effect, alpha)
    better = ""
    if found.answer == EFFECT and issue.direction != "neither":
        better = "better" if (found.mean < 0) == (issue.direction == "lower") else "worse"
    more = math.nan if found.more_seeds is None else float(found.more_seeds)
    numbers = (
        rows["baseline_value"].mean(),
        rows["value"].mean(),
        found.mean,
        found.low,
        found.high,
        found.confidence,
        found.p,
    )
    return (*head, *numbers, found.seeds, issue.smallest_effect, found.answer, better, more, "")


def sentence(line: pd.Series | dict) -> str:
    """A verdict in words: ``effect: +0.31 [0.22, 0.40], worse``."""
    answer, mean = line["answer"], line["mean"]
    if answer == CRASHES:
        return f"crashes: {line['reason'].rstrip('.')}"
    if answer == NOT_DECIDED:
        return f"not decided: {line['reason']}"
    if line["reason"]:
        return f"no effect: {line['reason']}"
    interval = "" if math.isnan(line["low"]) else f" [{line['low']:+.3g}, {line['high']:+.3g}]"
    if answer == NO_EFFECT:
        return f"no effect larger than {line['smallest_effect']:g}: {mean:+.3g}{interval}"
    if answer == UNDECIDED:
        more = line["more_seeds"]
        seeds = "a thousand more seeds would not decide" if math.isnan(more) else f"about {int(more)} more seeds"
        return f"undecided: {mean:+.3g}{interval}, {seeds if line['seeds'] > 1 else 'one seed only'}"
    return f"effect: {mean:+.3g}{interval}{', ' + line['better'] if line['better'] else ''}"
