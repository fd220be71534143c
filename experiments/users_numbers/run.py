"""The user's numbers beside ours: each symptom where it is measured best, with its interval, judged by `symptoms`' bounds.

python experiments/users_numbers/run.py [docs/audit]
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.audit.ladder import BREAK
from saga_kedro.audit.symptoms import LSD, SDR, hump, norms, settles
from saga_kedro.evaluation.summary import interval

ROOT = Path(__file__).parents[2]
COLUMNS = ["symptom", "users_number", "ours", "low", "high", "reproduced", "how"]


def summary(rows: pd.DataFrame, ladder: pd.DataFrame, sizes: pd.DataFrame, precision: pd.DataFrame) -> pd.DataFrame:
    """A line per symptom.

    Args:
        rows: of the audit: LSD as the failing code as found reports it, of every training.
        ladder: of the audit: the loss where the VAE alone is random, of one training.
        sizes: of experiments/full_size: SDR, and LSD again.
        precision: of experiments/half_precision: the gradient norm.

    Returns:
        ``COLUMNS``; ``symptom`` and ``how`` are codes of `saga_kedro.audit.words`; ``ours`` is text, of three digits; intervals
        are Student's, 95 %, over trainings or batches.
    """
    random = ladder[(ladder["issue"] == "vae_weights") & (ladder["direction"] == BREAK)].iloc[0]
    plateau, floor = float(random["loss_plateau"]), float(random["loss_floor"])
    done = rows[(rows["status"] == "done") & (rows["issue"] == "metric_units") & (rows["design"] == "fix_one")]
    as_found = done["baseline_value"].to_numpy()
    batches = sizes.set_index(["reading", "metric"]).loc["all_learned"]
    # A logger that takes one value a step keeps that of the first micro-batch: the failing code's ignores a step that it has.
    curve = norms(precision[precision["micro_batch"] == 0]["logged"].to_numpy())
    said = " → ".join(f"{value:,.0f}" for value in curve.values())
    lines = [
        ("loss_symptom", 1.2, f"{plateau:.3g}", math.nan, math.nan, settles(plateau, floor), "random_alone"),
        _line("lsd_symptom", 30, float(np.mean(as_found)), *interval(as_found), LSD, "as_found_trainings"),
        _line("lsd_full_size", 30, *batches.loc["lsd_decibel", ["mean", "low", "high"]], LSD, "full_size_batches"),
        _line("sdr_symptom", -70, *batches.loc["sdr_flattened", ["mean", "low", "high"]], SDR, "full_size_batches"),
        ("gradient_symptom", "1,000 → 4,000 → 1,000", said, math.nan, math.nan, hump(*curve.values()), "half_precision_steps"),
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _line(name: str, users: float, mean: float, low: float, high: float, bounds: tuple[float, float], how: str) -> tuple:
    return name, users, f"{mean:.3g}", low, high, bounds[0] <= mean <= bounds[1], how


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/audit"
    tables = (pd.read_csv(folder / f"{name}.csv") for name in ("rows", "ladder", "full_size", "half_precision"))
    summary(*tables).to_csv(folder / "symptoms_summary.csv", index=False, float_format="%.6g")
