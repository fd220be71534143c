"""The roll-off f_h that suits an input, read off z_l: what the user's dial is set to when nobody touches it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from saga_kedro.draws import generator

FOURIER = 1_024  # more random features follow the kernel more closely; each costs 1 kB of the model's file
LARGEST = 1024 / 1025  # the largest roll-off that can be measured with 1,025 bins
PENALTIES = tuple(10.0**power for power in range(-2, 5))


class RolloffPredictor(nn.Module):
    """Ridge regression on random Fourier features of z_l's mean and deviation over time, per channel.

    f_h = bias + weight . cos(s directions + phases), s = (features - centre) / scale, which is Gaussian process regression with
    the kernel exp(-|s - s'|^2 / (2 l^2)), l^2 the number of features (Rahimi and Recht, Random Features for Large-Scale Kernel
    Machines, 2007, algorithm 1). The penalty is the one of ``PENALTIES`` with the least leave-one-out error, which for ridge
    regression has a closed form: residual / (1 - leverage).

    Args:
        latent_channels: C of the codec; there are 2 C features.
    """

    directions: Tensor
    phases: Tensor
    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    fitted: Tensor

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        features, source = 2 * latent_channels, generator("roll-off predictor", latent_channels)
        self.register_buffer("directions", torch.randn(features, FOURIER, generator=source) / math.sqrt(features))
        self.register_buffer("phases", 2 * math.pi * torch.rand(FOURIER, generator=source))
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.zeros(features))
        self.register_buffer("weight", torch.zeros(FOURIER))
        self.register_buffer("bias", torch.zeros(()))
        self.register_buffer("fitted", torch.tensor(False))

    @staticmethod
    def features(z_l: Tensor) -> Tensor:
        """Mean and deviation over time: [B, C, T] -> [B, 2 C]."""
        return torch.cat([z_l.mean(dim=-1), z_l.std(dim=-1, correction=0)], dim=-1)

    def fit(self, features: Tensor, f_h: Tensor) -> float:
        """Solve for weight and bias, after centre and scale.

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
        mean_f_h = y.mean()
        y = y - mean_f_h
        deviation = x.std(dim=0, correction=0)
        self.centre.copy_(x.mean(dim=0))
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, torch.inf))  # a feature that never changes says nothing
        waves = self.waves(x)
        mean_wave = waves.mean(dim=0)
        u, s, v_t = torch.linalg.svd(waves - mean_wave, full_matrices=False)
        projected = u.T @ y
        errors = []
        for penalty in PENALTIES:
            shrink = s**2 / (s**2 + penalty)
            leverage = (u.square() @ shrink + 1 / len(x)).clamp(max=1 - 1e-6)
            errors.append(((y - u @ (shrink * projected)) / (1 - leverage)).square().mean().sqrt().item())
        best = min(range(len(PENALTIES)), key=errors.__getitem__)
        weight = v_t.T @ (s / (s**2 + PENALTIES[best]) * projected)
        self.weight.copy_(weight)
        self.bias.copy_(mean_f_h - mean_wave @ weight)
        self.fitted.fill_(True)
        return errors[best]

    def waves(self, features: Tensor) -> Tensor:
        """The random Fourier features of [N, 2 C] features: [N, ``FOURIER``] in [-1, 1], where and as precise as those are."""
        standardised = (features - self.centre.to(features)) / self.scale.to(features)
        return torch.cos(standardised @ self.directions.to(features) + self.phases.to(features))

    def predict(self, z_l: Tensor) -> Tensor:
        """f_h of [B, C, T] latents: [B], in [0, 1).

        Raises:
            ValueError: nothing was fitted.
        """
        if not self.fitted:
            raise ValueError("This model has no fitted roll-off predictor: give rolloff as a number in [0, 1].")
        return (self.bias + self.waves(self.features(z_l)) @ self.weight).clamp(0, LARGEST)
