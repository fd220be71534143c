"""The second symptom at the failing code's own size, without training: its VAE's width, its segments, its batches.

python experiments/full_size/run.py [--clips data/03_primary/demo/clips.parquet] [--out docs/audit/full_size.csv]
"""

import argparse
import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from saga_kedro.audio import SAMPLE_RATE, metrics
from saga_kedro.audio.io import read_audio
from saga_kedro.audit.as_found import metrics as as_found
from saga_kedro.draws import rng, seed_of
from saga_kedro.evaluation.summary import interval
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, build_autoencoder
from saga_kedro.model.library import quiet
from saga_kedro.model.sampler import euler

ROOT = Path(__file__).parents[2]
SAMPLES = int(SAMPLE_RATE * 5.94)
STEPS = 100
HOP = STABLE_AUDIO_OPEN_VAE["model"]["downsampling_ratio"]
BATCHES, OUTPUTS, SEED = 32, 8, 0
LEARNED, WHITE = "all_learned", "white_noise"
METRICS = ("sdr_flattened", "sdr_per_item", "lsd_decibel", "lsd_log10")
COLUMNS = ["reading", "metric", "mean", "low", "high", "median", "batches"]


def random_vae() -> nn.Module:
    """stable-audio-tools' Oobleck VAE as the failing code builds it: one channel, its constructor's weights."""
    config = copy.deepcopy(STABLE_AUDIO_OPEN_VAE)
    vae = config["model"]
    vae["io_channels"] = vae["encoder"]["config"]["in_channels"] = vae["decoder"]["config"]["out_channels"] = 1
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed_of(SEED, "full size") % 2**32)
        model, _ = build_autoencoder(config)
    return model.requires_grad_(False).eval()


def latent_moments(vae: nn.Module, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation [1, 64, 1] of the latents of audio [B, 1, N] for a model that cannot tell a channel's frames apart."""
    mean, scale = vae.encoder(audio).float().chunk(2, dim=1)  # type: ignore[operator]
    variance = (nn.functional.softplus(scale) + 1e-4) ** 2  # models/bottleneck.py, vae_sample
    over = (0, 2)
    return mean.mean(over)[None, :, None], (variance.mean(over) + mean.var(over)).sqrt()[None, :, None]


def learned(mean: Tensor, deviation: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """E[z_h - noise | z_t] of Gaussian latents, z_t = (1 - t) noise + t z_h: no network can learn more of them."""

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


def measure(clips: pd.DataFrame) -> pd.DataFrame:
    """reading, batch, and `METRICS`: SI-SDR and LSD of `BATCHES` of four references each, and `OUTPUTS` of each reading.

    The codec runs under autocast to bfloat16; the failing code's under float16, which is too slow on a processor. An output
    serves several batches, which leaves these all but independent: it has nothing to do with any reference.

    Args:
        clips: with ``flac`` and ``samples``; the failing code has speech (VCTK).
    """
    vae = random_vae()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        audio = torch.from_numpy(segment(clips, SAMPLES, SEED, "latents"))[None]
        velocity = learned(*latent_moments(vae, audio))
    lines = []
    for reading in (LEARNED, WHITE):
        made = [output(reading, index, vae, velocity) for index in tqdm(range(OUTPUTS), desc=reading, unit="output")]
        for batch in tqdm(range(BATCHES), desc=reading, unit="batch"):
            references = [segment(clips, SAMPLES, SEED, reading, batch, item) for item in range(as_found.BATCH)]
            four = [made[(as_found.BATCH * batch + item) % OUTPUTS] for item in range(as_found.BATCH)]
            lines.append({"reading": reading, "batch": batch} | measured(references, four))
    return pd.DataFrame(lines)


@torch.no_grad()
def output(reading: str, index: int, vae: nn.Module, velocity: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
    """[1, N - shift]: one output of the failing code's validation."""
    draw = torch.Generator().manual_seed(seed_of(SEED, "full size", reading, index))
    noise = torch.randn(1, 64, SAMPLES // HOP, generator=draw)
    if reading == WHITE:
        return (torch.randn(1, noise.shape[-1] * HOP, generator=draw) / 10).numpy()
    with torch.autocast("cpu", torch.bfloat16):
        return vae.decode(backwards(velocity, noise))[0].float().numpy()  # type: ignore[operator]


def table(lines: pd.DataFrame) -> pd.DataFrame:
    """`COLUMNS`: of each reading and metric the mean over batches with Student's 95 % interval, and the median."""
    rows = []
    for (reading, metric), part in lines.melt(["reading"], METRICS).groupby(["reading", "variable"], sort=False):
        values = part["value"]
        rows.append((reading, metric, values.mean(), *interval(values.to_numpy()), values.median(), len(values)))
    return pd.DataFrame(rows, columns=COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=ROOT / "data/03_primary/demo/clips.parquet")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/audit/full_size.csv")
    asked = parser.parse_args()
    clips = pd.read_parquet(asked.clips)
    speech = clips[clips["category"] == "speech"]
    table(measure(speech if len(speech) else clips)).to_csv(asked.out, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
