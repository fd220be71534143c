"""How files are super-resolved."""

from __future__ import annotations

from dataclasses import dataclass

from saga_kedro.model.dials import Dials


@dataclass(frozen=True)
class Settings(Dials):
    """The model's dials, and what else is asked for of each file.

    Attributes:
        form: wav, flac or ogg; None is the input's where that is one of them, else flac.
        cutoff_hz: Hz, below it the result is the input; None measures it.
    """

    form: str | None = None
    cutoff_hz: float | None = None
