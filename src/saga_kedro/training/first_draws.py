"""What the first training draws show before a training: a fitted roll-off predictor, yardsticks, latent statistics."""

import torch
from lightning.fabric.utilities import move_data_to_device
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from saga_kedro.model.codec.posterior import posterior_statistics
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Fit
from saga_kedro.training.batches import Draws, drawn
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.yardsticks import yardsticks


def measure_first(model: SagaSR, training: FlowTraining, segments: Dataset, fit: Fit, device: torch.device) -> dict[str, float]:
    """Fit the model's roll-off predictor to the first training draws, and measure their yardsticks and latent statistics."""
    loader = DataLoader(segments, batch_sampler=Draws(0, -(-fit.rolloff_draws // 8), 8), num_workers=fit.workers)
    training.codec.to(device)
    posteriors, high, low, rolloffs = [], [], [], []
    for batch in tqdm(loader, desc="first latents", unit="batch"):
        posterior, z_l = training.latents(move_data_to_device(batch, device))
        posteriors.append(posterior)
        high.append(drawn(posterior, batch["name"]).cpu())
        low.append(z_l.cpu())
        rolloffs.append(batch["f_h"])
    z_h, z_l, f_h = torch.cat(high), torch.cat(low), torch.cat(rolloffs)
    statistics = posterior_statistics(posteriors)
    return {
        **yardsticks(z_h, z_l, fit.timesteps),
        "latent/posterior_deviation": statistics["posterior_deviation"],
        "latent/reliability": statistics["reliability"],
        "rolloff/rmse": model.rolloff_predictor.fit(model.rolloff_predictor.features(z_l), f_h),
        "rolloff/rmse_of_median": float((f_h - f_h.median()).square().mean().sqrt()),
    }
