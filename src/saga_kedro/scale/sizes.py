"""Sizes of a corpus (in clips, windows and segments), of a segment on disk and of the network."""

from dataclasses import dataclass

from saga_kedro.captioning.windows import SHORTEST_TAIL_S
from saga_kedro.model.codec import build_codec
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE
from saga_kedro.parameters import Model, Parameters
from saga_kedro.scale.flops import Dit
from saga_kedro.training.segments import SLOT_SECONDS

GIB = 2**30
PAPER_HOURS = 3800  # of audio (P)
TEXT_ENCODERS = {"t5": (768, 85e6), "minilm": (384, 10.6e6), "none": (128, 0.0)}
"""Width of a token's state, and parameters without embeddings."""
HEAD_BYTES = 60  # of a segment: roll-offs, length and place of its text, and its part of the shard's header
TRAINING_BYTES_PER_PARAMETER = 20  # float32 weights, gradient, two moments of AdamW, and the average


@dataclass(frozen=True)
class Corpus:
    """How much audio there is."""

    hours: float
    clips: float  # rows of the manifest
    windows: float  # to caption, of all clips
    segments: float  # of training and validation, which a cache of latents holds
    test_clips: float


def corpus_of_hours(hours: float, parameters: Parameters, clip_seconds: float) -> Corpus:
    """A corpus of ``hours`` of audio in all splits, in clips of ``clip_seconds`` on average.

    Clips are assumed to end anywhere in a window or slot, so each has half a slot more than its seconds need, and half a window
    more, less the tails under 1.5 s, which get no window.
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


def latent_shape(model: Model) -> tuple[int, int]:
    """Channels and frames of a segment's latent. An autoencoder is taken to be Stable Audio Open's: no weights are needed."""
    if model.codec.name == "autoencoder":
        vae = STABLE_AUDIO_OPEN_VAE["model"]
        channels, hop = vae["latent_dim"], vae["downsampling_ratio"]
    else:
        codec = build_codec(**model.codec.model_dump())
        channels, hop = codec.latent_channels, codec.hop
    return channels, -(-model.segment_samples // hop)


def text_bytes(parameters: Parameters, tokens: float) -> float:
    """The states of a caption of so many tokens, in bfloat16."""
    text = parameters.model.text
    return 0.0 if text.encoder == "none" else min(tokens, text.max_tokens) * TEXT_ENCODERS[text.encoder][0] * 2


def segment_bytes(parameters: Parameters, tokens: float) -> float:
    """A segment in the cache: z_h's mean, its deviation if the codec has one, K times z_l (float16), the text's states."""
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
    """Memory of a training on every device (``fsdp`` divides it), without activations."""
    return dit(model).parameters() * TRAINING_BYTES_PER_PARAMETER
