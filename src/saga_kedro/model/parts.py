"""Parts of the method that configuration chooses by name, such as ``guidance: eq4``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

Part = TypeVar("Part")

# Which module registers the method's own parts of a kind; looking one up imports it.
KINDS = {
    "network": "saga_kedro.model.network",
    "text_null": "saga_kedro.model.network",
    "objective": "saga_kedro.model.flow",
    "timesteps": "saga_kedro.model.flow",
    "guidance": "saga_kedro.model.guidance",
    "schedule": "saga_kedro.model.schedule",
    "sampler": "saga_kedro.model.sampler",
    "low_band": "saga_kedro.model.low_band",
    "codec": "saga_kedro.model.codec",
    "channels": "saga_kedro.model.audio_parts",
    "low_pass": "saga_kedro.model.audio_parts",
    "rolloff": "saga_kedro.model.audio_parts",
    "lr_schedule": "saga_kedro.training.inverse_lr",
}

_parts: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}


def register(kind: str, name: str) -> Callable[[Part], Part]:
    """Decorator: make a function or class known as the part ``name`` of ``kind``.

    Raises:
        ValueError: the kind is unknown, or another object already has that name.
    """

    def remember(thing: Part) -> Part:
        if _of_kind(kind).setdefault(name, thing) is not thing:
            raise ValueError(f"There already is a {kind} named {name!r}: choose another name.")
        return thing

    return remember


def part(kind: str, name: str) -> Any:
    """The function or class registered as ``name`` of ``kind``.

    Raises:
        ValueError: the kind or the name is unknown; the sentence lists the known ones.
    """
    known = _of_kind(kind)
    import_module(KINDS[kind])
    if name not in known:
        raise ValueError(f"There is no {kind} named {name!r}; known: {', '.join(sorted(known))}.")
    return known[name]


def names(kind: str) -> list[str]:
    """The registered names of a kind, sorted."""
    known = _of_kind(kind)
    import_module(KINDS[kind])
    return sorted(known)


def _of_kind(kind: str) -> dict[str, Any]:
    if kind not in _parts:
        raise ValueError(f"There is no kind of part named {kind!r}; known: {', '.join(sorted(_parts))}.")
    return _parts[kind]
