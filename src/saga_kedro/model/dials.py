"""The settings of a model that a user can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FAST_EVALUATIONS = 4
Prompt = str | Sequence[str] | None


@dataclass(frozen=True)
class Dials:
    """How audio is super-resolved; None is the model's own setting.

    Attributes:
        rolloff: f_h, how bright the result is: a fraction of the Nyquist frequency in [0, 1], "predicted" from the input,
            "unspecified", or "likely": 0.8 where the spectrum falls slowly towards a cutoff above 6 kHz, else unspecified.
        noise_floor: how much of the input's stationary noise continues above its cutoff, from 0 to 1 (all that is likely).
        prompt: one caption, or one for each stretch of 5.94 s (`captioning.windows`); None describes each stretch
            automatically.
        steps: evaluations of the network.
        s_a, s_t: acoustic and semantic guidance scales.
        seed: names every draw: the same call gives the same result.
        fast: at most four evaluations of the network and no guidance, unless ``steps``, ``s_a`` or ``s_t`` are also given.
    """

    rolloff: float | str | None = None
    noise_floor: float | None = None
    prompt: Prompt = None
    steps: int | None = None
    s_a: float | None = None
    s_t: float | None = None
    seed: int = 0
    fast: bool = False

    def sampling(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """A model's ``sample`` section, changed by these settings."""
        fast = {"steps": min(FAST_EVALUATIONS, own["steps"]), "s_a": 1.0, "s_t": 1.0} if self.fast else {}
        asked = {name: getattr(self, name) for name in ("steps", "s_a", "s_t", "rolloff", "noise_floor")}
        return {**own, **fast, **{name: value for name, value in asked.items() if value is not None}}


DEFAULTS = Dials()
