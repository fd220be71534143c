"""Small audio files and manifests for the tests of corpora."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from saga_kedro.corpora.manifest import Clip


def noise(seconds: float = 0.5, rate: int = 8_000, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise, float32 [channels, samples], under full scale."""
    draws = np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, int(seconds * rate)))
    return draws.astype(np.float32)


def write_noise(path: Path, seed: int = 0, seconds: float = 0.5, rate: int = 8_000, channels: int = 1) -> Path:
    """A file of noise in the format that its suffix says; other seeds give other contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    formats = {".opus": ("OGG", "OPUS"), ".oga": ("OGG", "VORBIS"), ".aif": ("AIFF", "PCM_16"), ".mp3": ("MP3", None)}
    kind, subtype = formats.get(path.suffix.lower(), (path.suffix[1:].upper(), None))
    soundfile.write(path, noise(seconds, rate, channels, seed).T, rate, format=kind, subtype=subtype)
    return path


def write_tree(root: Path, *paths: str) -> Path:
    """Files of noise below ``root``, each with different content."""
    for seed, path in enumerate(paths):
        write_noise(root / path, seed)
    return root


def write_empty(root: Path, *paths: str) -> Path:
    """Empty files below ``root``, for code that looks at names only."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def clip(number: int, **fields: Any) -> Clip:
    """A row of a manifest, speech of ten seconds where nothing else is said."""
    digest = f"{number:032x}"[::-1]
    given: dict[str, Any] = {"group": f"group-{number}", "path": f"{number}.wav", "category": "speech", "duration_s": 10.0}
    given |= {"clip_id": digest[:16], "content_hash": digest, "sample_rate": 8_000, "channels": 1, "bandwidth_hz": 4_000}
    given |= fields
    return Clip(**given, end_s=given["duration_s"])
