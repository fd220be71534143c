"""The second symptom at the failing code's own size, without training: its VAE's width, its segments, its batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from saga_kedro.audio import SAMPLE_RATE, metrics
from saga_kedro.audio.io import read_audio
from saga_kedro.audit.as_found import metrics as as_found
from saga_kedro.audit.records import Records
from saga_kedro.audit.statistics import half_width
from saga_kedro.draws import rng, seed_of
from saga_kedro.files import atomic_path, parameter_hash
from saga_kedro.model.codec.autoencoder import build_autoencoder
from saga_kedro.model.library import quiet
from saga_kedro.model.sampler import euler

SAMPLES = int(SAMPLE_RATE * 5.94)
STEPS = 100
CHANNELS, STRIDES = 128, (2, 4, 4, 8, 8)  # Stable Audio Open's, and the failing code's
LEARNT, WHITE = "all that can be learnt", "white noise, no model"
METRICS = ("sdr_flattened", "sdr_per_item", "lsd_decibel", "lsd_log10")
COLUMNS = ["reading", "metric", "mean", "low", "high", "median", "batches"]


def random_vae(seed: int, channels: int = CHANNELS) -> nn.Module:
    """stable-audio-tools' Oobleck VAE as the failing code builds it: one channel, hop 2,048, its constructor's weights."""
    size = {"channels": channels, "c_mults": [1, 2, 4, 8, 16], "strides": list(STRIDES), "use_snake": True}
    vae = {
        "encoder": {"type": "oobleck", "config": {"in_channels": 1, "latent_dim": 128, **size}},
        "decoder": {"type": "oobleck", "config": {"out_channels": 1, "latent_dim": 64, "final_tanh": False, **size}},
        "bottleneck": {"type": "vae"}, "latent_dim": 64, "downsampling_ratio": math.prod(STRIDES), "io_channels": 1,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed_of(seed, "full size") % 2**32)
        model, _ = build_autoencoder({"model_type": "autoencoder", "sample_rate": SAMPLE_RATE, "model": vae})
    return model.requires_grad_(False).eval()


def latent_moments(vae: nn.Module, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation [1, 64, 1] of the latents of audio [B, 1, N] for one who cannot tell a channel's frames apart."""
    mean, scale = vae.encoder(audio).float().chunk(2, dim=1)  # type: ignore[operator]
    variance = (nn.functional.softplus(scale) + 1e-4) ** 2  # models/bottleneck.py, vae_sample
    over = (0, 2)
    return mean.mean(over)[None, :, None], (variance.mean(over) + mean.var(over)).sqrt()[None, :, None]


def learnt(mean: Tensor, deviation: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """E[z_h - noise | z_t] of Gaussian latents, z_t = (1 - t) noise + t z_h: no network can learn more of such latents."""

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        t = t[:, None, None]
        variance = (1 - t) ** 2 + (t * deviation) ** 2
        return mean + (t * deviation**2 - (1 - t)) / variance * (z - t * mean)

    return velocity


def backwards(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor) -> Tensor:
    """stable-audio-tools' Euler from t = 1 to 0 on a velocity that was trained with noise at t = 0: away from the data."""
    return euler(velocity, noise, np.linspace(1, 0, STEPS + 1))


def segment(clips: pd.DataFrame, samples: int, *name: str | int) -> np.ndarray:
    """A random crop of a random clip, float32 mono [1, samples]; a clip that is too short is repeated, as found."""
    draw = rng("full size", *name)
    clip = clips.iloc[int(draw.integers(len(clips)))]
    start = int(draw.integers(max(0, int(clip["samples"]) - samples) + 1))
    audio = read_audio(clip["flac"], start, min(samples, int(clip["samples"])))[0].mean(axis=0)
    return np.resize(audio, (1, samples)).astype(np.float32)


def measured(references: list[np.ndarray], estimates: list[np.ndarray]) -> dict[str, float]:
    """`METRICS` of a batch of references [1, N] and estimates [1, N - shift]: SDR and LSD in dB as the failing code measures
    its flattened batch, and per item without the shift."""
    length, short = estimates[0].shape[1], references[0].shape[1] - estimates[0].shape[1]
    pairs = [(r[:, :length], e) for r, e in zip(references, estimates, strict=True)]
    flat = as_found.flattened(references, [np.pad(estimate, ((0, 0), (0, short))) for estimate in estimates], short)
    return {
        "sdr_flattened": as_found.si_sdr_centred(*flat),
        "sdr_per_item": float(np.mean([as_found.si_sdr_centred(r[0], e[0]) for r, e in pairs])),
        "lsd_decibel": as_found.lsd_in_decibels(*flat),
        "lsd_log10": float(np.mean([metrics.lsd(r, e) for r, e in pairs])),
    }


def measure(
    clips: pd.DataFrame, records: Records, batches: int = 32, outputs: int = 8, channels: int = CHANNELS,
    samples: int = SAMPLES, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """SI-SDR and LSD of batches of four: references of a batch's own, and four outputs of each reading.

    The codec runs under autocast to bfloat16; the failing code's under float16, which is too slow on a processor. The outputs,
    which take all the time, are kept beside the records one by one.

    Args:
        clips: with ``flac`` and ``samples``; the failing code has speech (VCTK).
        records: what is finished is not done again.
        batches: of four.
        outputs: of each reading; they serve several batches, which leaves these all but independent: an output has nothing to
            do with any reference.
        channels, samples: width of the VAE, and length of a segment.
        seed: of all draws.

    Returns:
        reading, batch, and `METRICS`.
    """
    lines, size = [], (parameter_hash(clips["clip_id"].tolist()), channels, samples, seed)
    lent = cache(lambda: _lent(clips, samples, seed, channels))
    for reading in (LEARNT, WHITE):
        made = [_kept(records, reading, index, size, lent) for index in tqdm(range(outputs), desc=reading, unit="output")]
        for batch in tqdm(range(batches), desc=reading, unit="batch"):
            references = [segment(clips, samples, seed, reading, batch, item) for item in range(as_found.BATCH)]
            four = [made[(as_found.BATCH * batch + item) % outputs] for item in range(as_found.BATCH)]
            lines.append({"reading": reading, "batch": batch} | measured(references, four))
    return pd.DataFrame(lines)


def _kept(records: Records, reading: str, index: int, size: tuple[Any, ...], lent: Callable[[], tuple[Any, ...]]) -> np.ndarray:
    path = records.path("full_size", parameter_hash("full size", reading, index, *size)).with_suffix(".npy")
    if not path.exists():
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, _output(reading, index, size, lent))
    return np.load(path)


@torch.no_grad()
def _output(reading: str, index: int, size: tuple[Any, ...], lent: Callable[[], tuple[Any, ...]]) -> np.ndarray:
    """[1, N - shift]: what the failing code's validation puts out for an item."""
    *_, samples, seed = size
    draw = torch.Generator().manual_seed(seed_of(seed, "full size", reading, index))
    noise = torch.randn(1, 64, samples // math.prod(STRIDES), generator=draw)
    if reading == WHITE:
        return (torch.randn(1, noise.shape[-1] * math.prod(STRIDES), generator=draw) / 10).numpy()
    vae, mean, deviation = lent()
    with torch.autocast("cpu", torch.bfloat16):
        return vae.decode(backwards(learnt(mean, deviation), noise))[0].float().numpy()


@torch.no_grad()
def _lent(clips: pd.DataFrame, samples: int, seed: int, channels: int) -> tuple[nn.Module, Tensor, Tensor]:
    vae = random_vae(seed, channels)
    with torch.autocast("cpu", torch.bfloat16):
        audio = torch.from_numpy(segment(clips, samples, seed, "latents"))[None]
        return vae, *latent_moments(vae, audio)


def table(lines: pd.DataFrame) -> pd.DataFrame:
    """`COLUMNS`: of each reading and metric the mean over batches with Student's 95 % interval, and the median."""
    rows = []
    for (reading, metric), part in lines.melt(["reading"], METRICS).groupby(["reading", "variable"], sort=False):
        values = part["value"]
        mean, half = float(values.mean()), half_width(float(values.std()), len(values), 0.05)
        rows.append((reading, metric, mean, mean - half, mean + half, values.median(), len(values)))
    return pd.DataFrame(rows, columns=COLUMNS)
