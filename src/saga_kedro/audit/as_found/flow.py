"""Flow matching by the failing code and the documents: objectives, learning rate, samplers, guidance."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga_kedro.model.condition import Condition
from saga_kedro.model.flow import Objective, target_velocity
from saga_kedro.model.guidance import eq4
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.sampler import euler

Velocity = Callable[[Tensor, Tensor], Tensor]
Progress = Callable[[Iterable[Any]], Iterable[Any]] | None


def noise_to_data(z_h: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """z_t = (1 - t) noise + t z_h: t = 0 is noise, t = 1 is data (paper, equations 1 and 2)."""
    t = t[:, None, None]
    return (1 - t) * noise + t * z_h


def towards_data(z_h: Tensor, noise: Tensor) -> Tensor:
    """v = z_h - noise (paper, equation 3)."""
    return z_h - noise


def by_hand(z_h: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """(1 - t) z_h + t noise, as the second document writes it (section 1.1). Its target is the right one."""
    return (1 - t[:, None, None]) * z_h + t[:, None, None] * noise


noise_first = Objective(noise_to_data, towards_data)
written_out = Objective(by_hand, target_velocity)


def without_warmup(step: int, inv_gamma: float, power: float, warmup: float) -> float:
    """InverseLR with a constant for its warm-up, warmup (1 + step / inv_gamma)^-power: the full rate from the first step on."""
    return warmup * (1 + step / inv_gamma) ** -power


@torch.no_grad()
def time_reversed(velocity: Velocity, noise: Tensor, schedule: np.ndarray, progress: Progress = None) -> Tensor:
    """Euler with v(z, t) replaced by -v(z, 1 - t): the other convention's network in this convention's sampler.

    So it samples an aligned network as the failing code does, which trains in the paper's convention and starts at t = 1 with
    noise; it is right for a network trained in that convention.
    """
    return euler(lambda z, t: -velocity(z, 1 - t), noise, schedule, progress)


@torch.no_grad()
def as_v(velocity: Velocity, noise: Tensor, schedule: np.ndarray, progress: Progress = None) -> Tensor:
    """The network read as v-prediction, as stable-audio-tools does where ``diffusion_objective`` is unset.

    Its ``sample`` with eta = 0 (inference/sampling.py): alpha = cos(t pi / 2), sigma = sin(t pi / 2), data = alpha z - sigma v,
    eps = sigma z + alpha v, and z of the next time from the two.
    """
    steps: Iterable[Any] = list(zip(schedule[:-1].tolist(), schedule[1:].tolist(), strict=True))
    z = noise
    for t, t_next in progress(steps) if progress else steps:
        alpha, sigma = math.cos(t * math.pi / 2), math.sin(t * math.pi / 2)
        v = velocity(z, z.new_full((len(z),), t))
        data, eps = alpha * z - sigma * v, sigma * z + alpha * v
        z = math.cos(t_next * math.pi / 2) * data + math.sin(t_next * math.pi / 2) * eps
    return z


def z_l_everywhere(network: SagaNetwork, z_t: Tensor, t: Tensor, condition: Condition, s_a: float, s_t: float) -> Tensor:
    """The failing code's guidance: z_l is in all three branches, and the unconditional one has no roll-off and no context.

    So s_a amplifies the roll-off, not z_l. Its validation joins the roll-off tokens to the text; the wrapper joins them again.
    """
    u_none = network.dit(z_t, t, input_concat_cond=condition.z_l, cross_attn_cond=None, global_cond=None)
    acoustic, full = network.inputs(replace(condition, text=condition.text[:, :0])), network.inputs(condition)
    full["cross_attn_cond"] = torch.cat([full["cross_attn_cond"], acoustic["cross_attn_cond"]], dim=1)
    u_acoustic, u_full = network.dit(z_t, t, **acoustic), network.dit(z_t, t, **full)
    return u_none + s_a * (u_acoustic - u_none) + s_t * (u_full - u_acoustic)


def as_quoted(network: SagaNetwork, z_t: Tensor, t: Tensor, condition: Condition, s_a: float, s_t: float) -> Tensor:
    """u + s_a (u_a - u) + s_t (u_t - u), the formula that the first document gives for the paper's (issue 3).

    As u_t - u = (u_a - u) + (u_t - u_a), this is equation 4 with z_l amplified by s_a + s_t.
    """
    return eq4(network, z_t, t, condition, s_a + s_t, s_t)


def rolloff_isolated(network: SagaNetwork, z_t: Tensor, t: Tensor, condition: Condition, s_a: float, s_t: float) -> Tensor:
    """Equation 4 without roll-off in the unconditional branch, where the paper keeps it: the first document's fix (issue 3)."""
    null = torch.full_like(condition.z_l, network.null_latent)
    u_none = network.dit(z_t, t, input_concat_cond=null, cross_attn_cond=None, global_cond=None)
    u_acoustic = network(z_t, t, condition, None, torch.ones_like(t, dtype=torch.bool))
    u_full = network(z_t, t, condition)
    return u_none + s_a * (u_acoustic - u_none) + s_t * (u_full - u_acoustic)
