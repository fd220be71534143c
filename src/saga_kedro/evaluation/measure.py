"""What a worker process does: measure one output against its reference. It imports no torch unless a metric needs it."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.audio import metrics
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.evaluation.frechet import FD_LOGMEL
from saga_kedro.evaluation.match import fit_to
from saga_kedro.files import atomic_path

logger = logging.getLogger(__name__)

Metric = Callable[[np.ndarray, np.ndarray], float]

LSD_FAMILY = ("LSD", "LSD_sounding", "LSD_below", "LSD_above")
METRICS: dict[str, Metric] = {
    "SI-SDR": metrics.si_sdr,
    "SNR": metrics.snr,
    "SDR": metrics.sdr,
    "ViSQOL": metrics.visqol,
    "ViSQOL_speech": partial(metrics.visqol, mode="speech"),
}
# part of every cached name: raise it when a metric is computed differently
VERSION = 1


@dataclass(frozen=True)
class Job:
    """One output to measure; ``path`` is empty where there is none."""

    pair: Mapping[str, Any]
    row: str
    path: str
    key: str


def check_metrics(names: Sequence[str]) -> None:
    """Refuse an unknown metric before anything is computed.

    Raises:
        ValueError: names the unknown one and lists the known.
    """
    known = (*LSD_FAMILY, *METRICS, FD_LOGMEL)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"There is no metric {unknown[0]!r}; evaluation knows {', '.join(known)}.")


def measure(job: Job, names: Sequence[str], folder: str) -> dict[str, float]:
    """The metrics of one output; those that ``folder`` holds are not computed again. Missing values are left out."""
    path = Path(folder) / f"{job.key}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("version") != VERSION:
        known = {"version": VERSION}
    missing = [name for name in names if name not in known]
    if missing and job.path:
        try:
            reference, estimate = _sounds(job)
        except UnreadableAudio as error:
            logger.warning("%s, %s: %s", job.pair["pair_id"], job.row, error)
            return {}
        values: dict[str, float] = {}
        if set(missing) & set(LSD_FAMILY):
            values = metrics.lsd_family(reference, estimate, 1000 * float(job.pair["cutoff_khz"]))
        values |= {name: METRICS[name](reference, estimate) for name in missing if name in METRICS}
        # null: JSON has no other word for a missing value
        known |= {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(known))
    return {name: float(known[name]) for name in names if known.get(name) is not None}


def measure_by_frequency(job: Job, bands: int) -> list[tuple[float, float]]:
    """LSD of one output in bands: (middle in Hz, log10 of power). Empty where there is no sound to measure."""
    try:
        frequencies, values = metrics.lsd_by_frequency(*_sounds(job))
    except UnreadableAudio:
        return []
    parts = zip(np.array_split(frequencies, bands), np.array_split(values, bands), strict=True)
    return [(float(part.mean()), float(np.sqrt(np.mean(np.square(value))))) for part, value in parts]


def _sounds(job: Job) -> tuple[np.ndarray, np.ndarray]:
    reference, _ = read_audio(job.pair["reference"], 0, int(job.pair["samples"]))
    estimate, _ = read_audio(job.path)
    return reference, fit_to(estimate, *reference.shape)
