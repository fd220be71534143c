"""Clips at 44.1 kHz, which all later stages work on."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, audio_info, read_audio, write_audio
from saga_kedro.audio.resample import resample as to_rate
from saga_kedro.audio.resample import to_stereo
from saga_kedro.corpora.manifest import Rejected, project_path, rejected_frame
from saga_kedro.files import keep_only, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.stages import code

logger = logging.getLogger(__name__)


def resample(manifest: pd.DataFrame, clips_folder: str | Path, workers: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write each row of the manifest as 16-bit FLAC at 44.1 kHz (soxr, very high quality), mono or stereo.

    Finished files are kept, by the hash of content, range and code; files that the manifest no longer lists are removed.
    Returns the manifest with ``flac`` (a path) and ``samples``; and the rows that failed, with ``path`` and ``reason``.
    """
    rows = manifest.to_dict("records")
    results = parallel_map(
        _resample_one, rows, "resample", workers, lost=lambda row, reason: Rejected(row["path"], reason), folder=clips_folder
    )
    done = [result for result in results if not isinstance(result, Rejected)]
    keep_only(clips_folder, [row["flac"] for row in done])
    rejected = [result for result in results if isinstance(result, Rejected)]
    for one in rejected:
        logger.warning("not resampled %s: %s", one.path, one.reason)
    return pd.DataFrame(done, columns=[*manifest.columns, "flac", "samples"]), rejected_frame(rejected)


def _resample_one(row: dict[str, Any], folder: str | Path) -> dict[str, Any] | Rejected:
    key = parameter_hash(code("resample"), row["content_hash"], row["start_s"], row["end_s"])[:12]
    target = Path(folder) / f"{row['clip_id']}.{key}.flac"
    try:
        if not target.exists():
            rate = row["sample_rate"]
            start = round(row["start_s"] * rate)
            audio, rate_now = read_audio(row["path"], start, round(row["end_s"] * rate) - start)
            if rate_now != rate or audio.shape[1] == 0:
                return Rejected(row["path"], "changed since it was ingested: run the pipeline `ingest` again")
            stereo = to_stereo(audio) if len(audio) > 2 else audio
            write_audio(target, to_rate(stereo, rate, SAMPLE_RATE), SAMPLE_RATE)
        samples = audio_info(target).samples
    except UnreadableAudio as error:
        return Rejected(row["path"], str(error))
    return row | {"flac": project_path(target), "samples": samples}
