"""The ladder: one fix at a time from the failing code to the aligned configuration, each rung one training; and back."""

import math
from typing import Any, NamedTuple

import pandas as pd

from saga_kedro.audit.bench import Bench
from saga_kedro.audit.issues import Catalogue, as_found_changes
from saga_kedro.audit.plan import ALIGNED, AS_FOUND, arm_of
from saga_kedro.audit.symptoms import median, shown, symptoms_of
from saga_kedro.audit.training import gradient_curve
from saga_kedro.parameters import Parameters

FIX, BREAK = "fix", "break"
COLUMNS = [
    "direction", "rung", "issue", "says", "loss_plateau", "loss_still_falls", "loss_floor", "reported_LSD", "LSD",
    "reported_SDR", "SI_SDR", "norm_first", "norm_peak", "norm_last", "grad_norm_logged", "grad_norm", "symptoms", "training",
    "seeds",
]  # fmt: skip


class Rung(NamedTuple):
    """A step of the ladder; ``rung`` counts from 0 upwards (``fix``) and from 1 downwards (``break``)."""

    direction: str
    rung: int
    issue: str
    says: str
    parameters: Parameters

    @property
    def name(self) -> str:
        return f"{self.direction} {self.rung}"


def rungs(catalogue: Catalogue, aligned: Parameters) -> list[Rung]:
    """``fix``: from the failing code (0) to the aligned configuration (last), rung k with the first k issues fixed.

    ``break``: the aligned configuration with one issue of ``ladder.break_again`` as the failing code has it. The issues' file
    has the order, written before any run.
    """
    known, order = {issue.id: issue for issue in catalogue.issues}, catalogue.ladder.fix
    found = [Rung(FIX, 0, "", "as found", arm_of(aligned, as_found_changes(catalogue)))]
    for number, name in enumerate(order, 1):
        change = as_found_changes(catalogue, without=order[:number])
        found.append(Rung(FIX, number, name, known[name].arms[ALIGNED].says, arm_of(aligned, change)))
    rest = "weight decay, and the roll-off that validation asks for"
    found.append(Rung(FIX, len(order) + 1, "", f"{rest}: the aligned configuration", aligned))
    for number, name in enumerate(catalogue.ladder.break_again, 1):
        arm = known[name].arms[str(known[name].as_found)]
        found.append(Rung(BREAK, number, name, f"aligned, but: {arm.says}", arm_of(aligned, arm.set)))
    return found


def climb(catalogue: Catalogue, aligned: Parameters, bench: Bench) -> pd.DataFrame:
    """Train and score every rung that is not finished: ``COLUMNS``.

    LSD is as reported and in log10 of power, SDR as reported and per item, the median gradient norm as logged and true.
    """
    climbed = rungs(catalogue, aligned)
    bench.prepare(((rung.parameters, 0) for rung in climbed), "ladder: trainings and their scores")
    return pd.DataFrame([_measured(rung, bench) for rung in climbed], columns=COLUMNS)


def _measured(rung: Rung, bench: Bench) -> dict[str, Any]:
    what = rung.issue or (AS_FOUND if rung.rung == 0 else ALIGNED)
    name = f"ladder: {'aligned, but ' if rung.direction == BREAK else ''}{what}"
    trained, record = bench.trained(rung.parameters, name), bench.scored(rung.parameters, 0)
    curve, ways = gradient_curve(trained.curve), rung.parameters.audit.measure
    reported, metrics = record.get("reported", {"LSD": {}, "SDR": {}}), record.get("metrics", {})
    found = {
        "reported_LSD": reported["LSD"].get(ways.lsd),
        "LSD": metrics.get("LSD"),
        "reported_SDR": reported["SDR"].get(ways.sdr),
        "SI_SDR": metrics.get("SI-SDR"),
        "grad_norm_logged": median(curve[ways.gradients].to_numpy(float)),
        "grad_norm": median(curve["true_norm"].to_numpy(float)),
    }
    line = {name: math.nan if value is None else float(value) for name, value in found.items()}
    line |= symptoms_of(trained, ways.gradients)
    head = {"direction": rung.direction, "rung": rung.rung, "issue": rung.issue, "says": rung.says, "seeds": 1}
    return head | line | {"symptoms": " ".join(shown(line)), "training": trained.key[:12]}
