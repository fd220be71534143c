"""The paper's tables under our metric names, and how far a run is from them."""

import math

import pandas as pd

from saga_kedro.evaluation.names import OURS, cutoff_name, metric_name

TARGET = "saga_sr"
COLUMNS = ["source", "table", "system", "category", "cutoff_khz", "metric", "value"]
DISPLAY_NAMES = {
    "unprocessed": "unprocessed",
    "vae_reconstruction": "VAE reconstruction",
    "audiosr": "AudioSR",
    "flashsr": "FlashSR",
    "saga_sr": "SAGA-SR",
    "saga_sr_without_text": "SAGA-SR without text",
    "saga_sr_without_rolloff": "SAGA-SR without roll-off",
    "ground_truth": "ground truth",
}

READING_NOTE = (
    "The paper's numbers are tables 1 and 2 of arXiv:2509.24924, read from the text of the PDF, where rows run into each "
    "other. Which row is SAGA-SR and which is its variant without text is settled by the FD that section 4.1 quotes; "
    "AudioSR against FlashSR on music and effects rests on reading order alone. "
    "The paper's test sets are VCTK test (speech), FMA-small (music) and ESC-50 fold 5 (effects), 400 clips each, and its LSD "
    "counts a frame whose reference is digital silence as 12."
)


def display_name(system: str) -> str:
    """``saga_sr`` -> ``SAGA-SR``; other systems keep their names."""
    return DISPLAY_NAMES.get(system, system)


def checked_targets(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's tables (``COLUMNS``); ValueError if a column is missing or a number cannot be read."""
    absent = [column for column in COLUMNS if column not in table.columns]
    if absent:
        raise ValueError(f"paper_targets: the table of the paper's targets lacks the columns {', '.join(absent)}")
    try:
        return table[COLUMNS].astype({"cutoff_khz": float, "value": float})
    except ValueError as error:
        raise ValueError(f"paper_targets: a cutoff or a value of the paper's targets is no number ({error})") from error


def target_metrics(targets: pd.DataFrame, system: str = TARGET) -> dict[str, float]:
    """One system's numbers under our names, ``eval/LSD/speech/4kHz``; ValueError if the table has no such system."""
    lines = targets[targets["system"] == system]
    if lines.empty:
        known = ", ".join(sorted(targets["system"].unique()))
        raise ValueError(f"the paper's table has no system '{system}'; it has {known}")
    return {
        metric_name(OURS, line["metric"], line["category"], line["cutoff_khz"]): float(line["value"])
        for line in lines.to_dict("records")
        if math.isfinite(line["value"])
    }


def paper_table(targets: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of the paper's tables: a line per system, a column per category and cutoff; NaN if the paper has none."""
    chosen = targets[targets["metric"] == metric]
    columns = [f"{line.category} {cutoff_name(line.cutoff_khz)}" for line in chosen.itertuples()]
    table = chosen.assign(system=chosen["system"].map(display_name), column=columns)
    wide = table.pivot(index="system", columns="column", values="value")
    return wide.loc[table["system"].unique(), table.sort_values("cutoff_khz", kind="stable")["column"].unique()].reset_index()


def gap(metrics: dict[str, float], targets: dict[str, float]) -> dict[str, float]:
    """Ours minus the paper's, ``gap/LSD/speech/4kHz``, for every metric that both have."""
    return {
        f"gap/{name.removeprefix('eval/')}": value - targets[name]
        for name, value in metrics.items()
        if name.startswith("eval/") and name in targets and math.isfinite(value)
    }
