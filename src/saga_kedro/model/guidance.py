"""Guidance on two conditions at once: the acoustic one, z_l, and the semantic one, the text (paper, equation 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saga_kedro.model.network import Condition
from saga_kedro.model.parts import register

Network = Callable[..., Tensor]


@register("guidance", "eq4")
def eq4(network: Network, z_t: Tensor, t: Tensor, condition: Condition, s_a: float, s_t: float) -> Tensor:
    """u(-, -) + s_a [u(z_l, -) - u(-, -)] + s_t [u(z_l, c) - u(z_l, -)].

    f_l and f_h are given in all three branches, which are one batched forward. With s_a = s_t = 1 only u(z_l, c) is left, and
    only it is computed.

    Args:
        network: called as ``SagaNetwork.forward``.
        z_t: [B, C, T].
        t: [B].
        condition: B items.
        s_a: acoustic scale; the paper uses 1.4.
        s_t: semantic scale; the paper uses 1.2.

    Returns:
        The guided velocity, [B, C, T].
    """
    if s_a == 1 and s_t == 1:
        return network(z_t, t, condition)
    no, yes = torch.zeros_like(t, dtype=torch.bool), torch.ones_like(t, dtype=torch.bool)
    drop_z_l, drop_context = torch.cat([yes, no, no]), torch.cat([yes, yes, no])
    v = network(z_t.repeat(3, 1, 1), t.repeat(3), condition.repeat(3), drop_z_l, drop_context)
    u_none, u_acoustic, u_full = v.chunk(3)
    return u_none + s_a * (u_acoustic - u_none) + s_t * (u_full - u_acoustic)
