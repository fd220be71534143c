"""Flow objectives of the failing code: the paper's convention, and the second document's version by hand."""

from __future__ import annotations

from torch import Tensor

from saga_kedro.model.flow import Objective


def noise_to_data(z_h: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """z_t = (1 - t) noise + t z_h: t = 0 is noise, t = 1 is data (paper, equations 1 and 2)."""
    t = t[:, None, None]
    return (1 - t) * noise + t * z_h


def towards_data(z_h: Tensor, noise: Tensor) -> Tensor:
    """v = z_h - noise (paper, equation 3)."""
    return z_h - noise


def by_hand(z_h: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """(1 - t) z_h + t noise, as the second document writes it (section 1.1)."""
    return (1 - t[:, None, None]) * z_h + t[:, None, None] * noise


def away_from_data(z_h: Tensor, noise: Tensor) -> Tensor:
    """noise - z_h, as the second document writes it (section 1.1)."""
    return noise - z_h


noise_first = Objective(noise_to_data, towards_data)
written_out = Objective(by_hand, away_from_data)
