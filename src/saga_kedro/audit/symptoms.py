"""The three symptoms of the first document: which trainings show each. The bounds were written before any run."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audit.training import Trained, curve_metrics, gradient_curve

LOSS = (1.05, 1.35)
NEAR_FLOOR = 1.1
LSD = (25.0, 35.0)
SDR = (-85.0, -55.0)
NORM = (300.0, 3_000.0)
RISE = 2.0
"""What counts as the document's "near 1.2" (and settled: within a tenth of the least loss that the latents allow), "near 30",
"near -70", and "1,000, then 4,000, then 1,000"."""

SYMPTOMS = ("loss_symptom", "lsd_symptom", "sdr_symptom", "gradient_symptom")
"""The loss settles near 1.2, LSD near 30, SDR near -70, gradient norms of 1,000, then 4,000, then 1,000."""


def symptoms_of(trained: Trained, gradients: str) -> dict[str, float]:
    """What a training says of the symptoms; ``gradients`` is the norm that counts, ``true_norm`` or ``loss_scaled``.

    Beside what `curve_metrics` and `norms` give, ``loss_floor``: the least loss that a linear estimate from z_l can reach.
    """
    numbers = curve_metrics(trained.curve)
    return {
        "loss_plateau": numbers["train/loss_plateau"],
        "loss_still_falls": numbers["train/loss_still_falls"],
        "loss_floor": float(trained.summary["yardsticks"]["yardstick/z_l"]),
        **norms(gradient_curve(trained.curve)[gradients].to_numpy(float)),
    }


def shown(*lines: Mapping[str, Any]) -> list[str]:
    """The `SYMPTOMS` that all rows show, by ``reported_LSD``, ``reported_SDR`` and what `symptoms_of` gives."""
    shows = {
        "loss_symptom": [settles(line["loss_plateau"], line["loss_floor"]) for line in lines],
        "lsd_symptom": [LSD[0] <= line["reported_LSD"] <= LSD[1] for line in lines],
        "sdr_symptom": [SDR[0] <= line["reported_SDR"] <= SDR[1] for line in lines],
        "gradient_symptom": [hump(line["norm_first"], line["norm_peak"], line["norm_last"]) for line in lines],
    }
    return [name for name in SYMPTOMS if lines and all(shows[name])]


def settles(loss: float, floor: float) -> bool:
    """The first symptom: a loss near 1.2, and no lower one is possible (on good latents it passes 1.2 on its way down)."""
    return LOSS[0] <= loss <= min(LOSS[1], NEAR_FLOOR * floor)


def hump(first: float, peak: float, last: float) -> bool:
    """The third symptom: gradient norms near 1,000, then several times that, then near 1,000 again."""
    return NORM[0] <= last <= NORM[1] and peak >= RISE * max(first, 1e-30) and peak >= RISE * max(last, 1e-30)


def norms(values: np.ndarray) -> dict[str, float]:
    """First, largest and last of a curve of gradient norms, each the median of a twentieth of it."""
    finite = values[np.isfinite(values)]
    parts = [median(part) for part in np.array_split(finite, max(1, min(20, len(finite))))]
    return {"norm_first": parts[0], "norm_peak": max(parts), "norm_last": parts[-1]}


def median(values: np.ndarray) -> float:
    """Of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


MEANS = {
    "loss": "loss_plateau", "loss_still_falls": "loss_still_falls", "loss_floor": "loss_floor", "LSD": "reported_LSD",
    "SDR": "reported_SDR", "norm_first": "norm_first", "norm_peak": "norm_peak", "norm_last": "norm_last",
}  # fmt: skip
COLUMNS = ["names", "issue", "trainings", *MEANS, *SYMPTOMS]


def matrix(rows: pd.DataFrame, ladder: pd.DataFrame) -> pd.DataFrame:
    """The symptoms of each arm alone in the aligned configuration, and of both baselines: ``COLUMNS``, means over trainings.

    Baselines and reverse checks (rows ``break <issue>``) are rungs of ``ladder``. A symptom counts if every training shows it
    and the aligned configuration does not.
    """
    done = rows[(rows["status"] == "done") & (rows["design"] == "add_one")]
    up = ladder[ladder["direction"] == "fix"].sort_values("rung")
    groups = [("as_found", "", up.head(1)), ("aligned", "", up.tail(1))]
    groups += [(f"{issue}: {arm}", issue, group) for (issue, arm), group in done.groupby(["issue", "arm"], sort=False)]
    broken = ladder[ladder["direction"] == "break"].groupby("issue", sort=False)
    groups += [(f"break {issue}", issue, group) for issue, group in broken]
    right = shown(*up.tail(1).to_dict("records"))
    lines = []
    for name, issue, group in groups:
        numbers = {column: float(group[source].mean()) for column, source in MEANS.items()}
        given = [symptom for symptom in shown(*group.to_dict("records")) if not issue or symptom not in right]
        head = {"names": name, "issue": issue, "trainings": len(group)}
        lines.append(head | numbers | {symptom: symptom in given for symptom in SYMPTOMS})
    return pd.DataFrame(lines, columns=COLUMNS)
