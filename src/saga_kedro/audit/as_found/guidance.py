"""Guidance as the failing code does it, as the first document quotes it, and as that document fixes it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from saga_kedro.model.condition import Condition
from saga_kedro.model.guidance import eq4
from saga_kedro.model.network import SagaNetwork


def z_l_everywhere(network: SagaNetwork, z_t: Tensor, t: Tensor, condition: Condition, s_a: float, s_t: float) -> Tensor:
    """The failing code: z_l is in all three branches, and the unconditional one has no roll-off and no context at all.

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
    """Equation 4 without roll-off in the unconditional branch, where P keeps it: the first document's fix (issue 3)."""
    null = torch.full_like(condition.z_l, network.null_latent)
    u_none = network.dit(z_t, t, input_concat_cond=null, cross_attn_cond=None, global_cond=None)
    u_acoustic = network(z_t, t, condition, None, torch.ones_like(t, dtype=torch.bool))
    u_full = network(z_t, t, condition)
    return u_none + s_a * (u_acoustic - u_none) + s_t * (u_full - u_acoustic)
