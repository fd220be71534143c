"""Listen to every file once: what it holds, or why it cannot be used."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.audio.bandwidth import own_bandwidth
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.corpora.manifest import Clip, Rejected, Source, project_path
from saga_kedro.files import atomic_path, content_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.stages import code

MINIMUM_S = 0.2
SILENCE = 1e-4  # a peak under -80 dB of full scale: three steps of a 16-bit file


def examine(source: Source, cache: Path | None = None) -> Clip | Rejected:
    """Read one file and say what it holds, or why it is rejected; ``cache`` is a folder of findings by content and code.

    Rejected are missing, unreadable, empty, non-finite, silent (peak under -80 dB of full scale) files and those under 0.2 s.
    """
    path = project_path(source.path)
    try:
        digest = content_hash(source.path)
    except OSError as error:
        return Rejected(path, f"unreadable: {error.strerror or error}")
    remembered = cache / digest[:2] / f"{digest}.{code('ingest')[:12]}.json" if cache else None
    if remembered and remembered.exists():
        finding = json.loads(remembered.read_text())
    else:
        finding = _measure(source.path)
        if remembered:
            with atomic_path(remembered) as temporary:
                temporary.write_text(json.dumps(finding))
    if "reason" in finding:
        return Rejected(path, finding["reason"])
    described = asdict(source) | {"path": path}
    return Clip(clip_id=digest[:16], content_hash=digest, end_s=finding["duration_s"], **described, **finding)


def _measure(path: Path) -> dict[str, Any]:
    """Duration in seconds, rate in Hz, channels and own bandwidth in Hz of a file, or ``{"reason": why it is rejected}``."""
    if path.stat().st_size == 0:
        return {"reason": "empty: the file has no bytes"}
    try:
        audio, rate = read_audio(path)
    except UnreadableAudio as error:
        return {"reason": f"unreadable: {str(error).removeprefix(f'{path}: ')}"}
    channels, samples = audio.shape
    if samples == 0:
        return {"reason": "empty: no samples"}
    if samples < MINIMUM_S * rate:
        return {"reason": f"too short: {samples * 1000 // rate} ms, at least {MINIMUM_S} s are needed"}
    if not np.isfinite(audio).all():
        return {"reason": "non-finite: it holds infinite values or values that are not numbers"}
    if np.abs(audio).max() < SILENCE:
        return {"reason": "silent: its peak lies under -80 dB of full scale"}
    return {
        "duration_s": samples / rate,
        "sample_rate": rate,
        "channels": channels,
        "bandwidth_hz": float(own_bandwidth(audio, rate)),
    }


def examine_all(
    sources: Sequence[Source], cache: Path | None = None, workers: int | None = None
) -> tuple[list[Clip], list[Rejected]]:
    """Examine files on all cores; clips and rejections, each in the order of the sources.

    Copies of an earlier file are rejected: they could end up in training and test.
    """

    clips: dict[str, Clip] = {}
    rejected = []
    results = parallel_map(
        examine, sources, "examine", workers, lost=lambda one, reason: Rejected(project_path(one.path), reason), cache=cache
    )
    for result in results:
        if isinstance(result, Rejected):
            rejected.append(result)
        elif result.clip_id in clips:
            rejected.append(Rejected(result.path, f"duplicate of {clips[result.clip_id].path}"))
        else:
            clips[result.clip_id] = result
    return list(clips.values()), rejected
