"""The roll-off f_h that suits an input, read off z_l: what the user's dial is set to when nobody touches it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LARGEST = 1024 / 1025  # the largest roll-off that can be measured with 1,025 bins
PENALTIES = tuple(10.0**power for power in range(-2, 5))


class RolloffPredictor(nn.Module):
    """Ridge regression from z_l's mean and deviation over time, per channel, to f_h.

    f_h = bias + weight . (features - centre) / scale. The penalty is the one of ``PENALTIES`` with the least leave-one-out
    error, which for ridge regression has a closed form: residual / (1 - leverage).

    Args:
        latent_channels: C of the codec; there are 2 C features.
    """

    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    fitted: Tensor

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        for name in ("centre", "scale", "weight"):
            self.register_buffer(name, torch.zeros(2 * latent_channels))
        self.register_buffer("bias", torch.zeros(()))
        self.register_buffer("fitted", torch.tensor(False))

    @staticmethod
    def features(z_l: Tensor) -> Tensor:
        """Mean and deviation over time: [B, C, T] -> [B, 2 C]."""
        return torch.cat([z_l.mean(dim=-1), z_l.std(dim=-1, correction=0)], dim=-1)

    def fit(self, features: Tensor, f_h: Tensor) -> float:
        """Solve for weight and bias.

        Args:
            features: [N, 2 C], of training segments.
            f_h: [N], their measured roll-offs.

        Returns:
            Root mean square of the leave-one-out error, in units of f_h.

        Raises:
            ValueError: fewer than two segments, or values that are not finite.
        """
        if len(features) < 2:
            raise ValueError(f"The roll-off predictor needs at least two training segments, not {len(features)}.")
        if not (features.isfinite().all() and f_h.isfinite().all()):
            raise ValueError("The roll-off predictor was given values that are not finite: look for broken latents.")
        x, y = features.detach().double().cpu(), f_h.detach().double().cpu()
        centre, spread, bias = x.mean(dim=0), x.std(dim=0, correction=0), y.mean()
        scale = torch.where(spread > 1e-6, spread, torch.inf)  # a feature that never changes says nothing
        u, s, v_t = torch.linalg.svd((x - centre) / scale, full_matrices=False)
        projected = u.T @ (y - bias)
        errors = []
        for penalty in PENALTIES:
            shrink = s**2 / (s**2 + penalty)
            leverage = (u.square() @ shrink + 1 / len(x)).clamp(max=1 - 1e-6)
            errors.append(((y - bias - u @ (shrink * projected)) / (1 - leverage)).square().mean().sqrt().item())
        best = min(range(len(PENALTIES)), key=errors.__getitem__)
        weight = v_t.T @ (s / (s**2 + PENALTIES[best]) * projected)
        for name, value in {"centre": centre, "scale": scale, "weight": weight, "bias": bias}.items():
            getattr(self, name).copy_(value)
        self.fitted.fill_(True)
        return errors[best]

    def predict(self, z_l: Tensor) -> Tensor:
        """f_h of [B, C, T] latents: [B], in [0, 1).

        Raises:
            ValueError: nothing was fitted.
        """
        if not self.fitted:
            raise ValueError("This model has no fitted roll-off predictor: give rolloff as a number in [0, 1].")
        standardised = (self.features(z_l) - self.centre) / self.scale
        return (self.bias + standardised @ self.weight).clamp(0, LARGEST)
