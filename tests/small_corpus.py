"""A corpus of a few seconds, as the pipelines before `fit` would leave it: clips, captions, text states, parameters."""

import os
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import write_audio
from saga_kedro.draws import rng
from saga_kedro.model.codec import Codec
from saga_kedro.parameters import Parameters, validate
from saga_kedro.training.examples import make_segments
from saga_kedro.training.latents import Encoder, load_encoder
from saga_kedro.training.segments import Segments
from scratch_project import TINY, base_parameters, merged


def write_clips(folder: Path, seconds: float = 2.0, per_category: int = 4) -> pd.DataFrame:
    """Noise that falls by 6 dB an octave or so, a different colour each; the last clip of a category is for validation."""
    rows = []
    for category in ("speech", "music", "effects"):
        for number in range(per_category):
            noise = rng("small corpus", category, number).standard_normal((2, round(seconds * SAMPLE_RATE)))
            audio = 0.02 * (noise + np.cumsum(noise, axis=1) * 0.01 * number)
            path = folder / f"{category}{number}.flac"
            write_audio(path, np.clip(audio, -1, 1).astype(np.float32), SAMPLE_RATE)
            rows.append(
                {
                    "clip_id": f"{category}{number}",
                    "group": f"{category}-{number // 2}",
                    "category": category,
                    "bandwidth_hz": 22_000.0,
                    "content_hash": f"{category}{number}",
                    "samples": audio.shape[1],
                    "flac": str(path),
                    "split": "validation" if number == per_category - 1 else "train",
                }
            )
    return pd.DataFrame(rows)


def captions_of(clips: pd.DataFrame) -> pd.DataFrame:
    """One window a clip, and one sentence for each category."""
    return pd.DataFrame(
        {"clip_id": clips["clip_id"], "window": 0, "start_s": 0.0, "caption": "a sound of " + clips["category"]}
    )


def states_of(captions: pd.DataFrame) -> dict[str, torch.Tensor]:
    """Made-up states as wide as MiniLM's, so that no text encoder has to be loaded."""
    return {
        caption: torch.from_numpy(rng("state", caption).standard_normal((5, 384)).astype(np.float32))
        for caption in sorted(set(captions["caption"]))
    }


class MadeUpStates:
    """Replaces a text encoder with states such as `states_of` gives; counts the captions that it gets."""

    def __init__(self, states: dict[str, torch.Tensor]) -> None:
        self.states, self.asked = states, 0

    def encode(self, captions: list[str]) -> list[torch.Tensor]:
        self.asked += len(captions)
        return [self.states[caption] for caption in captions]


def encoder_of(codec: Codec, states: dict[str, torch.Tensor]) -> Encoder:
    """Encodes on the CPU with this codec and made-up text states."""
    return Encoder(codec, cast(Any, MadeUpStates(states)), torch.device("cpu"))


def tiny_parameters(**changes: Any) -> Parameters:
    """conf/base made small, with new low-passes at every visit as in the paper, and ``changes`` on top."""
    online = {"degrade": {"draws": None}, "encode": {"latents": False}}
    return validate(merged(merged(merged(base_parameters(), TINY), online), changes))


def segments_of_clips(clips: pd.DataFrame, split: str = "train", **changes: Any) -> Segments:
    """The segments that training draws from these clips, with ``changes`` to the parameters."""
    captions = captions_of(clips)
    return make_segments(clips, captions, states_of(captions), tiny_parameters(**changes), split)


def load_and_tell(folder: str, *arguments: Any) -> Encoder:
    """Load an encoder, and leave a file that tells who did; here, so that a process which does it imports no training."""
    (Path(folder) / f"{os.getpid()}-{time.monotonic_ns()}").touch()
    return load_encoder(*arguments)
