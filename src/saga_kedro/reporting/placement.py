"""How each row lies to its references: LSD, SI-SDR and SNR count a gain, a delay or another length as distortion."""

import pandas as pd

from saga_kedro.evaluation.score import PLACEMENT
from saga_kedro.reporting.tables import number, row_order, row_title

TITLES = {"gain_dB": "gain in dB", "delay": "delay in samples", "extra_samples": "extra samples"}
LIMITS = {"gain_dB": 1.0, "delay": 0.0, "extra_samples": 0.0}  # what a clip may have without a warning


def placement(scores: pd.DataFrame) -> pd.DataFrame:
    """Each row's least and greatest gain, delay and extra length over clips, as text."""
    measured = scores[scores["metric"].isin(PLACEMENT)]
    rows = row_order(measured["row"].tolist())
    lines = [(row_title(row), *(_span(measured, row, metric) for metric in PLACEMENT)) for row in rows]
    return pd.DataFrame(lines, columns=["row", *TITLES.values()])


def misplaced(scores: pd.DataFrame) -> list[str]:
    """What is beyond ``LIMITS`` in any clip, such as ``other: gain in dB -6.0``."""
    over = scores[scores["value"].abs() > scores["metric"].map(LIMITS)]
    keys = over[["row", "metric"]].drop_duplicates().itertuples(index=False)
    return [f"{row_title(row)}: {TITLES[metric]} {_span(over, row, metric)}" for row, metric in keys]


def _span(scores: pd.DataFrame, row: str, metric: str) -> str:
    values = scores.loc[(scores["row"] == row) & (scores["metric"] == metric), "value"]
    ends = dict.fromkeys(number(value, 1 if metric == "gain_dB" else 0) for value in (values.min(), values.max()))
    return " to ".join(ends)
