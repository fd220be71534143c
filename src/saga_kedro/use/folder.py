"""All audio of a folder, as a table of what became of each file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.model.loading import load_model
from saga_kedro.use.one_file import super_resolve_file
from saga_kedro.use.places import find_jobs
from saga_kedro.use.settings import Settings

logger = logging.getLogger(__name__)


def super_resolve_all(folder: str | Path, out: str | Path, parameters: dict[str, Any], seed: int = 0) -> pd.DataFrame:
    """Super-resolve every audio file below ``folder``. Earlier results are replaced, as a pipeline's data is.

    Args:
        folder: the inputs.
        out: the results, in the same tree.
        parameters: ``model`` (a folder; None is the package's), ``format``, ``cutoff_hz``, ``rolloff``, ``noise_floor``,
            ``prompt``, ``steps``, ``s_a``, ``s_t``, ``fast``, ``device``: as for `saga super-resolve`.
        seed: of the draws.

    Returns:
        `one_file.Outcome`, a line a file; ``notes`` as one text.

    Raises:
        FileNotFoundError: there is no such folder; there is no model.
    """
    from tqdm import tqdm

    if not Path(folder).is_dir():
        raise FileNotFoundError(f"There is no folder {folder}: put the audio there, or let super_resolve.path name another.")
    model = load_model(parameters["model"], parameters["device"])
    asked = {
        name: parameters[name] for name in ("cutoff_hz", "rolloff", "noise_floor", "prompt", "steps", "s_a", "s_t", "fast")
    }
    settings = Settings(form=parameters["format"], seed=seed, **asked)
    outcomes = []
    for job in tqdm(find_jobs([Path(folder)], Path(out), parameters["format"], overwrite=True), desc="files", unit="file"):
        outcomes.append(super_resolve_file(model, job, settings))
        if outcomes[-1].status == "failed":
            logger.warning(outcomes[-1].why)
    rows = [{**outcome.as_dict(), "notes": "; ".join(outcome.notes)} for outcome in outcomes]
    return pd.DataFrame(rows)


def counts(table: pd.DataFrame) -> dict[str, float]:
    """The table in numbers, under their metric names: files by status, seconds of audio, times real time."""
    done = table[table["status"] == "super-resolved"]
    numbers = {
        "super_resolve/files": len(table),
        "super_resolve/super_resolved": len(done),
        "super_resolve/left_as_is": int((table["status"] == "left as it is").sum()),
        "super_resolve/failed": int((table["status"] == "failed").sum()),
        "super_resolve/audio_s": float(done["duration_s"].sum()),
    }
    if done["seconds"].sum() > 0:
        numbers["super_resolve/times_real_time"] = float(done["duration_s"].sum() / done["seconds"].sum())
    return {name: float(value) for name, value in numbers.items()}
