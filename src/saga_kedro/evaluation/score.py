"""Score every row of every pair, in parallel, once. No torch is imported unless a metric needs it."""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE, metrics
from saga_kedro.audio.delay import delay_of
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.evaluation.pairs import fit_to, joined
from saga_kedro.files import atomic_path
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Report
from saga_kedro.stages import code

logger = logging.getLogger(__name__)

LSD_FAMILY = ("LSD", "LSD_sounding", "LSD_below", "LSD_above")
METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "LSD_scaled": metrics.lsd_scaled,
    "SI-SDR": metrics.si_sdr,
    "SNR": metrics.snr,
    "SDR": metrics.sdr,
    "logWMSE": metrics.log_wmse,
    "ViSQOL": metrics.visqol,
    "ViSQOL_speech": partial(metrics.visqol, mode="speech"),
    "2f-model": metrics.two_f,
    "DNSMOS": metrics.dnsmos,
}
SPEED = "RTF"  # of the making of a row, not of its sound
PLACEMENT = ("gain_dB", "delay", "extra_samples")  # how an output lies to its reference, always measured
SCORE_COLUMNS = ["pair_id", "clip_id", "group", "category", "cutoff_khz", "row", "metric", "value"]


def check_metrics(names: Sequence[str]) -> None:
    """Refuse an unknown metric (ValueError) before anything is computed."""
    known = (*LSD_FAMILY, *METRICS)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"There is no metric {unknown[0]!r}; evaluation knows {', '.join(known)}.")


def score_outputs(
    pairs: pd.DataFrame, outputs: pd.DataFrame, folder: str | Path, names: Sequence[str], workers: int | None = None
) -> pd.DataFrame:
    """Measure outputs against references, parallel over pairs and rows; only missing scores are computed.

    Raises ValueError for an unknown metric.

    Args:
        pairs, outputs: of `evaluation.pairs` and `render.render_rows`.
        folder: of the outputs; scores lie in ``scores/``, one JSON a pair and row.

    Returns:
        Long table ``SCORE_COLUMNS``, with ``PLACEMENT`` after the metrics: `metrics.gain_db`, `delay.delay_of` (NaN for two
        unrelated sounds) and samples beyond the reference's. A value that could not be measured is NaN, never zero. Computed
        rows also have ``RTF``: seconds of computing per second of audio.
    """
    check_metrics(names)
    names = [*names, *PLACEMENT]
    lines = joined(pairs, outputs)
    arguments: dict[str, Any] = {"names": names, "folder": str(Path(folder) / "scores"), "version": code("evaluate")}
    results = parallel_map(_measure, lines, "scores", workers, lost=lambda line, reason: {}, **arguments)
    table: list[tuple] = []
    for line, values in zip(lines, results, strict=True):
        head = (line["pair_id"], line["clip_id"], line["group"], line["category"], float(line["cutoff_khz"]), line["row"])
        table += [(*head, name, values.get(name, math.nan)) for name in names]
        if math.isfinite(line["seconds"]):
            table.append((*head, SPEED, line["seconds"] * SAMPLE_RATE / int(line["samples"])))
    return pd.DataFrame(table, columns=SCORE_COLUMNS)


def frequency_curves(pairs: pd.DataFrame, outputs: pd.DataFrame, report: Report, workers: int | None = None) -> pd.DataFrame:
    """LSD against frequency, mean over clips, in ``report.frequency_bands`` of equal width; bins are averaged as mean squares.

    Returns:
        Columns row, category, cutoff_khz, frequency_hz (the band's middle), lsd (log10 of power, sounding frames).
    """
    lines, bands = [line for line in joined(pairs, outputs) if line["path"]], report.frequency_bands
    found = parallel_map(_by_frequency, lines, "LSD against frequency", workers, lost=lambda line, reason: [], bands=bands)
    table = [
        (line["row"], line["category"], float(line["cutoff_khz"]), frequency, value)
        for line, curve in zip(lines, found, strict=True)
        for frequency, value in curve
    ]
    columns = ["row", "category", "cutoff_khz", "frequency_hz"]
    frame = pd.DataFrame(table, columns=[*columns, "lsd"])
    return frame.groupby(columns, sort=False)["lsd"].mean().reset_index()


def _measure(line: Mapping[str, Any], names: Sequence[str], folder: str, version: str) -> dict[str, float]:
    """The metrics of one output, without missing ones; those in ``folder`` of this version are not computed again."""
    path = Path(folder) / f"{line['key']}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("version") != version:
        known = {"version": version}
    missing = [name for name in names if name not in known]
    if missing and line["path"]:
        try:
            reference, estimate, extra = _sounds(line)
        except UnreadableAudio as error:
            logger.warning("%s, %s: %s", line["pair_id"], line["row"], error)
            return {}
        values: dict[str, float] = {}
        if set(missing) & set(LSD_FAMILY):
            values = metrics.lsd_family(reference, estimate, 1000 * float(line["cutoff_khz"]))
        for name in (name for name in missing if name in METRICS):
            foreign = name == "DNSMOS" and line["category"] != "speech"
            values[name] = math.nan if foreign else METRICS[name](reference, estimate)
        if set(missing) & set(PLACEMENT):
            delay, related, _ = delay_of(reference.mean(axis=0), estimate.mean(axis=0))
            placed = metrics.gain_db(reference, estimate), delay if related else math.nan, extra
            values |= dict(zip(PLACEMENT, placed, strict=True))
        # null: JSON has no other word for a missing value
        known |= {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(known))
    return {name: float(known[name]) for name in names if known.get(name) is not None}


def _by_frequency(line: Mapping[str, Any], bands: int) -> list[tuple[float, float]]:
    """LSD of one output in bands: (middle in Hz, log10 of power); empty where a file cannot be read."""
    try:
        frequencies, values = metrics.lsd_by_frequency(*_sounds(line)[:2])
    except UnreadableAudio:
        return []
    parts = zip(np.array_split(frequencies, bands), np.array_split(values, bands), strict=True)
    return [(float(part.mean()), float(np.sqrt(np.mean(np.square(value))))) for part, value in parts]


def _sounds(line: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, int]:
    """A line's reference and output, of one shape, and how many samples longer the output was."""
    reference, _ = read_audio(line["reference"], 0, int(line["samples"]))
    estimate, _ = read_audio(line["path"])
    return reference, fit_to(estimate, *reference.shape), estimate.shape[1] - reference.shape[1]
