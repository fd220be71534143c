"""The ladder: from the failing code to the aligned configuration, mending one thing at a time; and back for the main causes.

The order stands in the issues' file (``ladder``), written before it was run: what the matrix of symptoms and earlier audits
name as causes comes first. One training a rung; how much each suspicion matters over many trainings is what the two other
designs say.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audit.bench import Bench, score_key
from saga_kedro.audit.configurations import changed
from saga_kedro.audit.issues import Catalogue, as_found_changes
from saga_kedro.audit.plan import ALIGNED, AS_FOUND
from saga_kedro.audit.symptoms import SYMPTOMS, shown, symptoms_of
from saga_kedro.audit.training import gradient_curve

MEND, BREAK = "mend", "break"
COLUMNS = [
    "direction", "rung", "issue", "says", "loss_plateau", "loss_still_falls", "loss_floor", "reported_LSD", "LSD",
    "reported_SDR", "SI_SDR", "norm_first", "norm_peak", "norm_last", "grad_norm_logged", "grad_norm", "symptoms", "sound",
    "training", "seeds",
]  # fmt: skip


def rungs(catalogue: Catalogue, aligned: dict[str, Any]) -> list[tuple[str, int, str, str, dict[str, Any]]]:
    """Direction, number, issue, words and configuration of every rung.

    Upwards (``mend``): rung 0 is the failing code as found, rung k has the first k issues of ``ladder.mend`` put right, and
    the last one is the aligned configuration. Downwards (``break``): the aligned configuration with one issue of
    ``ladder.break_again`` as the failing code has it.

    Args:
        catalogue: issues and the ladder's order.
        aligned: the aligned configuration.
    """
    known = {issue.id: issue for issue in catalogue.issues}
    found: list[tuple[str, int, str, str, dict[str, Any]]] = [
        (MEND, 0, "", "as found", changed(aligned, as_found_changes(catalogue)))
    ]
    mended: list[str] = []
    for name in catalogue.ladder.mend:
        mended.append(name)
        parameters = changed(aligned, as_found_changes(catalogue, without=mended))
        found.append((MEND, len(mended), name, known[name].arms[ALIGNED].says, parameters))
    rest = "weight decay, and the roll-off that validation asks for"
    found.append((MEND, len(mended) + 1, "", f"{rest}: the aligned configuration", aligned))
    for number, name in enumerate(catalogue.ladder.break_again, 1):
        arm = known[name].arms[str(known[name].as_found)]
        found.append((BREAK, number, name, f"aligned, but: {arm.says}", changed(aligned, arm.set)))
    return found


def climb(catalogue: Catalogue, aligned: dict[str, Any], bench: Bench) -> pd.DataFrame:
    """Train and score every rung; what is finished is not done again.

    Args:
        catalogue: issues and the ladder's order.
        aligned: the aligned configuration at the seed that is trained.
        bench: what trainings and outputs are made with.

    Returns:
        ``COLUMNS``: of `symptoms_of`, LSD as reported and in log10 of power, SDR as reported and SI-SDR per item, median
        gradient norm as logged and true, the ``symptoms`` that are left (joined with ``; ``), the ``sound`` of the first pair,
        and the key of the ``training``.
    """
    climbed = rungs(catalogue, aligned)
    bench.prepare(((parameters, 0) for *_, parameters in climbed), "ladder: trainings and their scores")
    lines = []
    for direction, number, issue, says, parameters in climbed:
        name = f"ladder: {'aligned, but ' if direction == BREAK else ''}{issue or (AS_FOUND if number == 0 else ALIGNED)}"
        head = {"direction": direction, "rung": number, "issue": issue, "says": says, "seeds": 1}
        lines.append(head | _measured(parameters, name, bench))
    return pd.DataFrame(lines, columns=COLUMNS)


def _measured(parameters: dict[str, Any], name: str, bench: Bench) -> dict[str, Any]:
    trained, record = bench.trained(parameters, name), bench.scored(parameters, 0, name)
    curve, ways = gradient_curve(trained.curve), parameters["audit"]["measure"]
    reported, metrics = record.get("reported", {"LSD": {}, "SDR": {}}), record.get("metrics", {})
    found = {
        "reported_LSD": reported["LSD"].get(ways["lsd"]),
        "LSD": metrics.get("LSD"),
        "reported_SDR": reported["SDR"].get(ways["sdr"]),
        "SI_SDR": metrics.get("SI-SDR"),
        "grad_norm_logged": _median(curve[ways["gradients"]].to_numpy(float)),
        "grad_norm": _median(curve["true_norm"].to_numpy(float)),
    }
    line: dict[str, Any] = {name: math.nan if value is None else float(value) for name, value in found.items()}
    line |= symptoms_of(trained, ways["gradients"])
    flags, sound = shown(line), bench.sound(score_key(parameters, bench.data, 0))
    return line | {
        "symptoms": "; ".join(says for name, says in SYMPTOMS.items() if flags[name]),
        "sound": sound.as_posix() if sound.exists() else "",
        "training": trained.key[:12],
    }


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan
