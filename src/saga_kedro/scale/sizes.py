"""How large things are: a corpus in clips, windows and segments; a segment on disk; the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.captioning.windows import SHORTEST_TAIL_S
from saga_kedro.scale.flops import Dit

GIB = 2**30
PAPER_HOURS = 3800  # of audio (P)
SLOT_SECONDS = 5  # saga_kedro/training/segments.py
TEXT_WIDTH = {"t5": 768, "minilm": 384, "none": 128}
HEAD_BYTES = 60  # roll-offs, length and place of the text of a segment, and its part of the header of a shard
TRAINING_BYTES_PER_PARAMETER = 16  # float32 weights, gradient, two moments of AdamW; the average comes on top
AVERAGE_BYTES_PER_PARAMETER = 4


@dataclass(frozen=True)
class Corpus:
    """What there is to do.

    Attributes:
        hours: of audio.
        clips: rows of the manifest.
        windows: that are captioned, of all clips.
        segments: that are trained on or validated with, and that a cache of latents holds.
        test_clips: of the test split.
    """

    hours: float
    clips: float
    windows: float
    segments: float
    test_clips: float


def corpus_of_hours(hours: float, parameters: Mapping[str, Any], clip_seconds: float) -> Corpus:
    """A corpus of which only the length is known.

    Lengths of clips are taken to end anywhere between two windows or slots: a clip then has half a slot more than its seconds
    say, and half a window less those tails under 1.5 s that get no window of their own.

    Args:
        hours: of audio, all splits together.
        parameters: of the environment.
        clip_seconds: mean length of a clip.
    """
    window, shares = parameters["caption"]["window_seconds"], parameters["ingest"]
    seconds = hours * 3600
    clips = seconds / clip_seconds
    return Corpus(
        hours=hours,
        clips=clips,
        windows=seconds / window + clips * max(0.0, 0.5 - SHORTEST_TAIL_S / window),
        segments=(seconds / SLOT_SECONDS + clips / 2) * (1 - shares["test"]),
        test_clips=clips * shares["test"],
    )


def corpus_of_manifest(manifest: pd.DataFrame, parameters: Mapping[str, Any]) -> Corpus:
    """A corpus that was ingested, counted.

    Args:
        manifest: start_s, end_s and split of every row.
        parameters: of the environment.
    """
    seconds = (manifest["end_s"] - manifest["start_s"]).to_numpy()
    window = parameters["caption"]["window_seconds"]
    tails = np.where(np.mod(seconds, window) >= SHORTEST_TAIL_S, 1, 0)
    test = (manifest["split"] == "test").to_numpy()
    return Corpus(
        hours=float(seconds.sum()) / 3600,
        clips=len(seconds),
        windows=float(np.maximum(1, seconds // window + tails).sum()),
        segments=float(np.maximum(1, np.ceil(seconds[~test] / SLOT_SECONDS)).sum()),
        test_clips=int(test.sum()),
    )


def latent_shape(model: Mapping[str, Any]) -> tuple[int, int]:
    """Channels and frames of a segment's latent. A codec that this table does not know is taken for the paper's."""
    codec, samples = model["codec"], model["segment_samples"]
    channels, hop = 64, 2048  # Stable Audio Open's VAE
    if codec["name"] == "band_envelope":
        channels, hop = 2 * (codec.get("bands") or 64), codec.get("hop") or 1024
    return channels, -(-samples // hop)


def text_bytes(parameters: Mapping[str, Any], tokens: float) -> float:
    """A caption of so many tokens, as its encoder's states in bfloat16."""
    text = parameters["model"]["text"]
    return 0.0 if text["encoder"] == "none" else min(tokens, text["max_tokens"]) * TEXT_WIDTH[text["encoder"]] * 2


def segment_bytes(parameters: Mapping[str, Any], tokens: float) -> float:
    """A segment in the cache: z_h's mean, its deviation where the codec has one, K times z_l (float16), the text's states."""
    model, draws = parameters["model"], parameters["degrade"]["draws"] or 1
    channels, frames = latent_shape(model)
    deviation = model["codec"]["name"] == "autoencoder" and model["codec"].get("posterior") != "mean"
    return channels * frames * 2 * (1 + deviation + draws) + text_bytes(parameters, tokens) + HEAD_BYTES


def dit(parameters: Mapping[str, Any]) -> Dit:
    """The configured network."""
    model = parameters["model"]
    channels, frames = latent_shape(model)
    return Dit(
        channels=channels,
        frames=frames,
        context=model["text"]["max_tokens"] + 2,
        text_width=TEXT_WIDTH[model["text"]["encoder"]],
        width=model["backbone"]["embed_dim"],
        depth=model["backbone"]["depth"],
        projected=model["backbone"]["project_cond_tokens"],
    )


def training_bytes(parameters: Mapping[str, Any]) -> float:
    """Memory that a training takes on every device, activations not counted; ``fsdp`` shares it out."""
    return dit(parameters).parameters() * (TRAINING_BYTES_PER_PARAMETER + AVERAGE_BYTES_PER_PARAMETER)


def segment_seconds(parameters: Mapping[str, Any]) -> float:
    """Length of a segment."""
    return parameters["model"]["segment_samples"] / SAMPLE_RATE
