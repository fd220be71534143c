"""The network's inputs besides z_t and t."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from saga_kedro.arrays import Array, array_namespace

UNTOLD = -1.0
"""An unspecified roll-off: the network answers with what is likely."""


@dataclass(frozen=True)
class Condition:
    """What the network knows of each item besides z_t and t.

    Attributes:
        z_l: [B, C, T], latent of the low-resolution audio.
        text: [B, L, W], text states of the caption, zeros at padding.
        f_l, f_h: [B], roll-offs in [0, 1): of the low-resolution audio, and the one wanted (or `UNTOLD`).
    """

    z_l: Array
    text: Array
    f_l: Array
    f_h: Array

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
