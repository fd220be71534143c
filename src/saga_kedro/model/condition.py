"""The network's inputs besides z_t and t."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from saga_kedro.arrays import Array, array_namespace

UNSPECIFIED = -1.0  # an unspecified roll-off: the network answers with what is likely


@dataclass(frozen=True)
class Condition:
    """What the network knows of each item besides z_t and t."""

    z_l: Array  # [B, C, T], latent of the low-resolution audio
    text: Array  # [B, L, W], text states of the caption, zeros at padding
    f_l: Array  # [B], roll-off of the low-resolution audio in [0, 1)
    f_h: Array  # [B], roll-off to generate, or `UNSPECIFIED`

    def repeat(self, times: int) -> Condition:
        """The batch ``times`` over: items 0..B-1, then 0..B-1 again."""
        xp = array_namespace(self.z_l)
        return Condition(**{f.name: xp.concat([getattr(self, f.name)] * times) for f in fields(self)})

    def __getitem__(self, items: slice) -> Condition:
        """Some items of the batch."""
        return Condition(**{f.name: getattr(self, f.name)[items] for f in fields(self)})

    def to(self, device: Any) -> Condition:
        """The same tensors on another device."""
        return Condition(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})
