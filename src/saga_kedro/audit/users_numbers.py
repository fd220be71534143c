"""The user's numbers beside ours: each symptom where it is measured best, with its interval, judged by `symptoms`' bounds."""

from __future__ import annotations

import math

import pandas as pd

from saga_kedro.audit import full_size, half_precision
from saga_kedro.audit.ladder import BREAK
from saga_kedro.audit.statistics import ALPHA, half_width
from saga_kedro.audit.symptoms import LSD, SDR, SYMPTOMS, settles

COLUMNS = ["symptom", "users_number", "ours", "low", "high", "reproduced", "how"]


def summary(rows: pd.DataFrame, ladder: pd.DataFrame, sizes: pd.DataFrame, precision: pd.DataFrame) -> pd.DataFrame:
    """A line per symptom.

    Args:
        rows: of `saga_kedro.audit.arms.run_arms`: LSD as the failing code as found reports it, of every training.
        ladder: of `saga_kedro.audit.ladder.climb`: the loss where the VAE alone is random, of one training.
        sizes: of `saga_kedro.audit.full_size.table`: SDR, and LSD again.
        precision: of `saga_kedro.audit.half_precision.measure`: the gradient norm; the curve that a logger keeps.

    Returns:
        ``COLUMNS``; ``ours`` is text, of three digits; intervals are Student's, 95 %, over trainings or batches.
    """
    loss, lsd, sdr, gradient = SYMPTOMS.values()
    done = rows[rows["status"] == "done"]
    random = ladder[(ladder["issue"] == "vae_weights") & (ladder["direction"] == BREAK)].iloc[0]
    plateau, floor = float(random["loss_plateau"]), float(random["loss_floor"])
    as_found = done[(done["issue"] == "metric_units") & (done["design"] == "fix_one")]
    table = sizes.set_index(["reading", "metric"]).loc[full_size.LEARNT]
    curve = half_precision.curves(precision).iloc[0]
    said = " → ".join(f"{curve[name]:,.0f}" for name in ("norm_first", "norm_peak", "norm_last"))
    lines = [
        (loss, 1.2, plateau, math.nan, math.nan, settles(plateau, floor), "random_alone"),
        (lsd, 30, *(found := _interval(as_found["baseline_value"])), LSD[0] <= found[0] <= LSD[1], "as_found_trainings"),
        *(
            (name, users, *table.loc[metric, ["mean", "low", "high"]], low <= table.loc[metric, "mean"] <= high, "full_size")
            for name, users, metric, (low, high) in (
                (f"{lsd}, at full size", 30, "lsd_decibel", LSD),
                (sdr, -70, "sdr_flattened", SDR),
            )
        ),
        (gradient, "1,000 → 4,000 → 1,000", said, math.nan, math.nan, bool(curve["reproduced"]), "half_precision"),
    ]
    shown = [(name, users, ours if isinstance(ours, str) else f"{ours:.3g}", *rest) for name, users, ours, *rest in lines]
    return pd.DataFrame(shown, columns=COLUMNS)


def _interval(values: pd.Series) -> tuple[float, float, float]:
    mean = float(values.mean())
    half = half_width(float(values.std()), len(values), ALPHA) if len(values) > 1 else math.nan
    return mean, mean - half, mean + half
