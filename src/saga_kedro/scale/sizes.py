"""How large things are: a corpus in clips, windows and segments; a segment on disk; the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from saga_kedro.captioning.windows import SHORTEST_TAIL_S
from saga_kedro.model.codec import build_codec
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE
from saga_kedro.parameters import Model, Parameters
from saga_kedro.scale.flops import Dit
from saga_kedro.training.segments import SLOT_SECONDS

GIB = 2**30
PAPER_HOURS = 3800  # of audio (P)
TEXT_ENCODERS = {"t5": (768, 85e6), "minilm": (384, 10.6e6), "none": (128, 0.0)}
"""Width of a token's state, and parameters without the embeddings, which are looked up."""
HEAD_BYTES = 60  # roll-offs, length and place of the text of a segment, and its part of the header of a shard
TRAINING_BYTES_PER_PARAMETER = 20  # float32 weights, gradient, two moments of AdamW, and the average


@dataclass(frozen=True)
class Corpus:
    """What there is to do."""

    hours: float  # of audio
    clips: float  # rows of the manifest
    windows: float  # that are captioned, of all clips
    segments: float  # that are trained on or validated with, and that a cache of latents holds
    test_clips: float


def corpus_of_hours(hours: float, parameters: Parameters, clip_seconds: float) -> Corpus:
    """A corpus of which only the length is known, all splits together, and the mean length of its clips.

    Lengths of clips are taken to end anywhere between two windows or slots: a clip then has half a slot more than its seconds
    say, and half a window less those tails under 1.5 s that get no window of their own.
    """
    window, test = parameters.caption.window_seconds, parameters.ingest.test
    seconds = hours * 3600
    clips = seconds / clip_seconds
    return Corpus(
        hours=hours,
        clips=clips,
        windows=seconds / window + clips * max(0.0, 0.5 - SHORTEST_TAIL_S / window),
        segments=(seconds / SLOT_SECONDS + clips / 2) * (1 - test),
        test_clips=clips * test,
    )


def corpus_of_manifest(manifest: pd.DataFrame, parameters: Parameters) -> Corpus:
    """A corpus that was ingested, counted; of its manifest start_s, end_s and split are needed."""
    seconds = (manifest["end_s"] - manifest["start_s"]).to_numpy()
    window = parameters.caption.window_seconds
    tails = np.where(np.mod(seconds, window) >= SHORTEST_TAIL_S, 1, 0)
    test = (manifest["split"] == "test").to_numpy()
    return Corpus(
        hours=float(seconds.sum()) / 3600,
        clips=len(seconds),
        windows=float(np.maximum(1, seconds // window + tails).sum()),
        segments=float(np.maximum(1, np.ceil(seconds[~test] / SLOT_SECONDS)).sum()),
        test_clips=int(test.sum()),
    )


def latent_shape(model: Model) -> tuple[int, int]:
    """Channels and frames of a segment's latent. Only an autoencoder needs weights: it is taken for Stable Audio Open's."""
    if model.codec.name == "autoencoder":
        vae = STABLE_AUDIO_OPEN_VAE["model"]
        channels, hop = vae["latent_dim"], vae["downsampling_ratio"]
    else:
        codec = build_codec(**model.codec.model_dump())
        channels, hop = codec.latent_channels, codec.hop
    return channels, -(-model.segment_samples // hop)


def text_bytes(parameters: Parameters, tokens: float) -> float:
    """A caption of so many tokens, as its encoder's states in bfloat16."""
    text = parameters.model.text
    return 0.0 if text.encoder == "none" else min(tokens, text.max_tokens) * TEXT_ENCODERS[text.encoder][0] * 2


def segment_bytes(parameters: Parameters, tokens: float) -> float:
    """A segment in the cache: z_h's mean, its deviation where the codec has one, K times z_l (float16), the text's states."""
    codec, draws = parameters.model.codec, parameters.degrade.draws or 1
    channels, frames = latent_shape(parameters.model)
    deviation = codec.name == "autoencoder" and codec.model_dump().get("posterior") != "mean"
    return channels * frames * 2 * (1 + deviation + draws) + text_bytes(parameters, tokens) + HEAD_BYTES


def dit(model: Model) -> Dit:
    """The configured network."""
    channels, frames = latent_shape(model)
    return Dit(
        channels=channels,
        frames=frames,
        context=model.text.max_tokens + 2,
        text_width=TEXT_ENCODERS[model.text.encoder][0],
        width=model.backbone.embed_dim,
        depth=model.backbone.depth,
        projected=model.backbone.project_cond_tokens,
    )


def training_bytes(model: Model) -> float:
    """Memory that a training takes on every device, activations not counted; ``fsdp`` shares it out."""
    return dit(model).parameters() * TRAINING_BYTES_PER_PARAMETER
