"""The user's numbers beside ours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from saga_kedro.audit.full_size import LEARNT, METRICS, table
from saga_kedro.audit.half_precision import ACCUMULATED
from saga_kedro.audit.users_numbers import COLUMNS, summary

ROWS = pd.DataFrame(
    [("metric_units", "fix_one", "done", 30.0 + seed) for seed in range(5)] + [("vae_weights", "fix_one", "done", 38.0)],
    columns=["issue", "design", "status", "baseline_value"],
)
LADDER = pd.DataFrame(
    [("mend", "vae_weights", 0.8, 0.5), ("break", "vae_weights", 1.22, 1.19)],
    columns=["direction", "issue", "loss_plateau", "loss_floor"],
)


def sizes(**values: float) -> pd.DataFrame:
    given = {"sdr_flattened": -69.0, "sdr_per_item": -60.0, "lsd_decibel": 41.0, "lsd_log10": 3.6} | values
    return table(pd.DataFrame([{"reading": LEARNT, "batch": n, **{m: given[m] + n - 1.5 for m in METRICS}} for n in range(4)]))


def precision(logged: list[float]) -> pd.DataFrame:
    lines = [("as found", step, micro, 65_536.0, value * (1 + micro), value / 65_536)
             for step, value in enumerate(logged) for micro in (0, ACCUMULATED - 1)]  # fmt: skip
    return pd.DataFrame(lines, columns=["setting", "step", "micro_batch", "scale", "logged", "true"])


def test_each_symptom_has_its_number_an_interval_and_a_verdict_by_the_bounds():
    hump = [*np.full(20, 1_000.0), *np.full(20, 4_000.0), *np.full(20, 1_000.0)]
    found = summary(ROWS, LADDER, sizes(), precision(hump))
    assert list(found.columns) == COLUMNS
    assert found["reproduced"].tolist() == [True, True, False, True, True]
    loss, lsd, _, sdr, gradient = found.to_dict("records")
    assert (loss["ours"], lsd["ours"], sdr["ours"]) == ("1.22", "32", "-69")
    assert lsd["low"] < 32.0 < lsd["high"]
    assert gradient["ours"] == "1,000 → 4,000 → 1,000"


def test_a_flat_curve_and_a_number_out_of_bounds_are_not_reproduced():
    found = summary(ROWS, LADDER, sizes(sdr_flattened=-40.0), precision([1_000.0] * 60))
    assert found["reproduced"].tolist() == [True, True, False, False, False]
