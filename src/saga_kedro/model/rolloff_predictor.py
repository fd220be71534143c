"""Predict the roll-off f_h that suits an input from z_l: the default of the user's dial."""

import math

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like, to_numpy
from saga_kedro.draws import rng

FOURIER = 1_024  # more random features follow the kernel more closely; each costs 1 kB of the model's file
LARGEST = 1024 / 1025  # the largest roll-off that can be measured with 1,025 bins
PENALTIES = tuple(10.0**power for power in range(-2, 5))


class RolloffPredictor:
    """Ridge regression on random Fourier features of z_l's mean and deviation over time, per channel.

    f_h = bias + weight . cos(s directions + phases), s = (features - centre) / scale: Gaussian process regression with the
    kernel exp(-|s - s'|^2 / (2 l^2)), l^2 the number of features (Rahimi and Recht, Random Features for Large-Scale Kernel
    Machines, 2007, algorithm 1). Of ``PENALTIES`` it takes the one with the least leave-one-out error, residual / (1 -
    leverage) for ridge regression.
    """

    def __init__(self, latent_channels: int, dtype: type[np.floating] = np.float32) -> None:
        features, source = 2 * latent_channels, rng("roll-off predictor", latent_channels)
        self.directions = (source.standard_normal((features, FOURIER)) / math.sqrt(features)).astype(dtype)
        self.phases = (2 * math.pi * source.random(FOURIER)).astype(dtype)
        self.centre = np.zeros(features, dtype)
        self.scale = np.zeros(features, dtype)
        self.weight = np.zeros(FOURIER, dtype)
        self.bias = np.zeros((), dtype)
        self.fitted = np.array(False)

    @staticmethod
    def features(z_l: Array) -> Array:
        """Mean and deviation over time: [B, C, T] -> [B, 2 C]."""
        xp = array_namespace(z_l)
        return xp.concat([xp.mean(z_l, axis=-1), xp.std(z_l, axis=-1)], axis=-1)

    def fit(self, features: Array, f_h: Array) -> float:
        """Fit to features [N, 2 C] of training segments and their measured roll-offs f_h [N].

        Returns the root mean square of the leave-one-out error in units of f_h. Fewer than two segments, or values that are not
        finite, are a ValueError.
        """
        if len(features) < 2:
            raise ValueError(f"The roll-off predictor needs at least two training segments, not {len(features)}.")
        x, y = (to_numpy(given).astype(np.float64) for given in (features, f_h))
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError("The roll-off predictor was given values that are not finite: look for broken latents.")
        mean_f_h = y.mean()
        y = y - mean_f_h
        deviation = x.std(axis=0)
        self.centre[...] = x.mean(axis=0)
        self.scale[...] = np.where(deviation > 1e-6, deviation, np.inf)  # a feature that never changes says nothing
        waves = self.waves(x)
        mean_wave = waves.mean(axis=0)
        u, s, v_t = np.linalg.svd(waves - mean_wave, full_matrices=False)
        projected = u.T @ y
        errors = []
        for penalty in PENALTIES:
            shrink = s**2 / (s**2 + penalty)
            leverage = np.minimum(np.square(u) @ shrink + 1 / len(x), 1 - 1e-6)
            errors.append(float(np.sqrt(np.square((y - u @ (shrink * projected)) / (1 - leverage)).mean())))
        best = min(range(len(PENALTIES)), key=errors.__getitem__)
        weight = v_t.T @ (s / (s**2 + PENALTIES[best]) * projected)
        self.weight[...] = weight
        self.bias[...] = mean_f_h - mean_wave @ weight
        self.fitted[...] = True
        return errors[best]

    def waves(self, features: Array) -> Array:
        """The random Fourier features of [N, 2 C] features: [N, ``FOURIER``] in [-1, 1], in their dtype and on their device."""
        centre, scale, directions, phases = (
            like(table, features) for table in (self.centre, self.scale, self.directions, self.phases)
        )
        return array_namespace(features).cos((features - centre) / scale @ directions + phases)

    def predict(self, z_l: Array) -> Array:
        """f_h of [B, C, T] latents: [B], in [0, 1). A ValueError before `fit`."""
        if not self.fitted:
            raise ValueError("This model has no fitted roll-off predictor: give rolloff as a number in [0, 1].")
        f_h = self.waves(self.features(z_l)) @ like(self.weight, z_l) + float(self.bias)
        return array_namespace(z_l).clip(f_h, 0, LARGEST)
