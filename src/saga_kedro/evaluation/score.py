"""Score every row of every pair, in parallel; what was measured once is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.evaluation.frechet import FD_LOGMEL
from saga_kedro.evaluation.measure import Job, check_metrics, measure, measure_by_frequency
from saga_kedro.evaluation.pairs import records
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Report

# of the making of a row, not of its sound
COST_METRICS = ("RTF", "peak_memory_GB")
SCORE_COLUMNS = ["pair_id", "clip_id", "group", "category", "cutoff_khz", "row", "metric", "value"]


def score_outputs(
    pairs: pd.DataFrame, outputs: pd.DataFrame, folder: str | Path, names: Sequence[str], workers: int | None = None
) -> pd.DataFrame:
    """Measure outputs against references, parallel over pairs and rows; only what the cache does not hold is computed.

    Args:
        pairs: of `evaluation.pairs`.
        outputs: of `render.render_rows`.
        folder: the same; scores lie in ``scores/``, one JSON a pair and row.
        names: metrics; ``FD_logmel`` is left to `frechet.set_distances`.
        workers: processes, None for one a core.

    Returns:
        Long table ``SCORE_COLUMNS``. What could not be measured is NaN, never zero. Rows that took computing also have ``RTF``
        (seconds of computing per second of audio) and ``peak_memory_GB`` (of the computing process up to then, or of the GPU).

    Raises:
        ValueError: an unknown metric.
    """
    check_metrics(names)
    names = [name for name in names if name != FD_LOGMEL]
    by_id = {pair["pair_id"]: pair for pair in records(pairs)}
    lines = records(outputs)
    jobs = [Job(by_id[line["pair_id"]], line["row"], line["path"], line["key"]) for line in lines]
    scores = str(Path(folder) / "scores")
    results = parallel_map(measure, jobs, "scores", workers, lost=lambda job, reason: {}, names=tuple(names), folder=scores)
    table: list[tuple] = []
    for job, line, values in zip(jobs, lines, results, strict=True):
        pair = job.pair
        head = (pair["pair_id"], pair["clip_id"], pair["group"], pair["category"], float(pair["cutoff_khz"]), job.row)
        table += [(*head, name, values.get(name, math.nan)) for name in names]
        if math.isfinite(line["seconds"]):
            table.append((*head, "RTF", line["seconds"] * SAMPLE_RATE / int(pair["samples"])))
            table.append((*head, "peak_memory_GB", line["peak_memory_GB"]))
    return pd.DataFrame(table, columns=SCORE_COLUMNS)


def frequency_curves(pairs: pd.DataFrame, outputs: pd.DataFrame, report: Report, workers: int | None = None) -> pd.DataFrame:
    """LSD against frequency, mean over clips: where in the spectrum a row is wrong.

    Args:
        pairs, outputs: as for `score_outputs`.
        report: ``frequency_bands`` of equal width in Hz; the bins of a band are averaged as mean squares.
        workers: processes, None for one a core.

    Returns:
        Columns row, category, cutoff_khz, frequency_hz (the band's middle), lsd (log10 of power, sounding frames).
    """
    by_id = {pair["pair_id"]: pair for pair in records(pairs)}
    jobs = [Job(by_id[line["pair_id"]], line["row"], line["path"], line["key"]) for line in records(outputs) if line["path"]]
    found = parallel_map(
        measure_by_frequency, jobs, "LSD against frequency", workers, lost=lambda job, reason: [], bands=report.frequency_bands
    )
    table = [
        (job.row, job.pair["category"], float(job.pair["cutoff_khz"]), frequency, value)
        for job, curve in zip(jobs, found, strict=True)
        for frequency, value in curve
    ]
    frame = pd.DataFrame(table, columns=["row", "category", "cutoff_khz", "frequency_hz", "lsd"])
    return frame.groupby(["row", "category", "cutoff_khz", "frequency_hz"], sort=False)["lsd"].mean().reset_index()
