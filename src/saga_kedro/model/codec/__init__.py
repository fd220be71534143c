"""Codecs: audio to latents and back, behind one interface.

Whatever the codec, audio is float [B, 2, N] at 44.1 kHz and latents are [B, latent_channels, ceil(N / hop)]; an
item's result depends neither on the rest of the batch nor on anything drawn before; nothing in a codec trains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from saga_kedro.arrays import Array
from saga_kedro.model.codec.band_envelope import BandEnvelope
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.parts import part


class Codec(Protocol):
    """What the model asks of a codec."""

    latent_channels: int
    hop: int

    def encode(self, audio: Array) -> Posterior:
        """[B, 2, N] in [-1, 1] to a posterior over [B, latent_channels, ceil(N / hop)]."""
        ...

    def decode(self, z: Array, seeds: Sequence[int] | None = None, first: int = 0) -> Array:
        """[B, latent_channels, T] to [B, 2, T hop]. ``seeds`` name the noise of an item, if any; z starts with frame ``first``
        of a clip."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Codec:
        """As a module's."""
        ...


def _autoencoder(**options: Any) -> Codec:
    from saga_kedro.model.codec.autoencoder import Autoencoder  # imports torch

    return cast(Codec, Autoencoder.load(**options))


CODECS: dict[str, Callable[..., Any]] = {"band_envelope": BandEnvelope, "autoencoder": _autoencoder}


def build_codec(name: str, **options: Any) -> Codec:
    """A frozen codec of ``CODECS``; options that are None keep their defaults. ValueError for an unknown name or option."""
    return part("codec", CODECS, name)(**{option: value for option, value in options.items() if value is not None})
