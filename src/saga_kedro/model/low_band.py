"""Low-frequency replacement as a part: the rules of ``audio.low_band`` under their names.

A rule is called with (generated [B, 2, N], low [B, 2, N], cutoff_hz) and returns [B, 2, N].
"""

from __future__ import annotations

from functools import partial

from saga_kedro.audio.low_band import RULES, replace_low_band
from saga_kedro.model.parts import register

for _name in RULES:
    register("low_band", _name)(partial(replace_low_band, rule=_name))
