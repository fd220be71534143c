"""What the first training draws tell before a training: a fitted roll-off predictor, yardsticks, latent statistics."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from saga_kedro.model.codec.posterior import Posterior, posterior_statistics
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Fit
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.segments import Draws, collate
from saga_kedro.training.yardsticks import yardsticks


def first_latents(
    training: FlowTraining, segments: Dataset, draws: int, workers: int, device: torch.device
) -> tuple[list[Posterior], Tensor, Tensor, Tensor]:
    """z_h's posteriors, z_h, z_l [N, C, T] and f_h [N] of the first training draws, encoded on ``device``."""
    loader = DataLoader(segments, batch_sampler=Draws(0, -(-draws // 8), 8), collate_fn=collate, num_workers=workers)
    training.codec.to(device)
    posteriors, z_h, z_l, f_h = [], [], [], []
    for batch in tqdm(loader, desc="first latents", unit="batch"):
        moved = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in batch.items()}
        posterior, low = training.latents(moved)
        posteriors.append(posterior)
        z_h.append(training.drawn(posterior, batch["name"]).cpu())
        z_l.append(low.cpu())
        f_h.append(batch["f_h"])
    return posteriors, torch.cat(z_h), torch.cat(z_l), torch.cat(f_h)


def measure_first(model: SagaSR, training: FlowTraining, segments: Dataset, fit: Fit, device: torch.device) -> dict[str, float]:
    """Fit the model's roll-off predictor to the first training draws, and measure their yardsticks and latent statistics."""
    posteriors, z_h, z_l, f_h = first_latents(training, segments, fit.rolloff_draws, fit.workers, device)
    statistics = posterior_statistics(posteriors)
    return {
        **yardsticks(z_h, z_l, fit.timesteps),
        "latent/posterior_deviation": statistics["posterior_deviation"],
        "latent/reliability": statistics["reliability"],
        "rolloff/rmse": model.rolloff_predictor.fit(model.rolloff_predictor.features(z_l), f_h),
        "rolloff/rmse_of_median": float((f_h - f_h.median()).square().mean().sqrt()),
    }
