"""Guidance on two conditions: the acoustic one, z_l, and the semantic one, the text (paper, equation 4)."""

from collections.abc import Callable

from saga_kedro.arrays import Array, array_namespace
from saga_kedro.model.condition import Condition

Network = Callable[..., Array]


def eq4(network: Network, z_t: Array, t: Array, condition: Condition, s_a: float, s_t: float) -> Array:
    """u(-, -) + s_a [u(z_l, -) - u(-, -)] + s_t [u(z_l, c) - u(z_l, -)].

    All three branches get f_l and f_h, and run as one batched forward. With s_a = s_t = 1 only u(z_l, c) remains and is
    computed.

    Args:
        network: called as ``SagaNetwork.forward``.
        z_t, t, condition: [B, C, T], [B], and a condition of B items.
        s_a, s_t: acoustic and semantic scales; the paper uses 1.4 and 1.2.
    """
    if s_a == 1 and s_t == 1:
        return network(z_t, t, condition)
    xp = array_namespace(z_t)
    no, yes = xp.zeros_like(t, dtype=xp.bool), xp.ones_like(t, dtype=xp.bool)
    drop_z_l, drop_context = xp.concat([yes, no, no]), xp.concat([yes, yes, no])
    v = network(xp.concat([z_t] * 3), xp.concat([t] * 3), condition.repeat(3), drop_z_l, drop_context)
    u_none, u_acoustic, u_full = v.reshape((3, *z_t.shape))
    return u_none + s_a * (u_acoustic - u_none) + s_t * (u_full - u_acoustic)


GUIDANCE: dict[str, Callable[..., Array]] = {"eq4": eq4}
