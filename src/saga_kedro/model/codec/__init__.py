"""Codecs: audio to latents and back, behind one interface.

Whatever the codec, audio is float [B, 2, N] at its ``sample_rate`` and latents are [B, latent_channels, ceil(N / hop)]; an
item's result depends neither on the rest of the batch nor on anything drawn before; nothing in a codec trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from saga_kedro.arrays import Array
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.parts import names, part

NAMES = ("band_envelope", "mdct", "autoencoder")


class Codec(Protocol):
    """What the model asks of a codec."""

    sample_rate: int
    audio_channels: int
    latent_channels: int
    hop: int
    silence: Array | None
    """[latent_channels], the latent of digital silence where that decodes to exact zeros; None for a codec that promises
    nothing."""

    def encode(self, audio: Array) -> Posterior:
        """[B, 2, N] in [-1, 1] to a posterior over [B, latent_channels, ceil(N / hop)]."""
        ...

    def decode(
        self,
        z: Array,
        seeds: Sequence[int] | None = None,
        low: Array | None = None,
        first: int = 0,
        cutoff_hz: float | None = None,
    ) -> Array:
        """[B, latent_channels, T] to [B, 2, T hop].

        ``seeds``, and ``low`` (the input, [B, 2, N]) with its cutoff, serve codecs that need an excitation; ``first`` is the
        frame of a longer signal that z starts with.
        """
        ...

    def to(self, *args: Any, **kwargs: Any) -> Codec:
        """As a module's."""
        ...


def build_codec(name: str, **options: Any) -> Codec:
    """A frozen codec, ready to use.

    Args:
        name: ``band_envelope`` (`BandEnvelope`), ``mdct`` (`Mdct`), ``autoencoder`` (`Autoencoder.load`), or a part of the
            kind ``codec``.
        options: the constructor's arguments; one that is None is left at its default, so that a configuration can leave out
            another codec's.

    Raises:
        ValueError: an unknown name, or options that the codec refuses; `UnloadedCodec` for an autoencoder without its weights.
    """
    options = {option: value for option, value in options.items() if value is not None}
    if name == "band_envelope":
        from saga_kedro.model.codec.band_envelope import BandEnvelope

        return cast(Codec, BandEnvelope(**options))
    if name == "mdct":
        from saga_kedro.model.codec.mdct import Mdct

        return cast(Codec, Mdct(**options))
    if name == "autoencoder":
        from saga_kedro.model.codec.autoencoder import Autoencoder

        return cast(Codec, Autoencoder.load(**options))
    if name in names("codec"):
        return cast(Codec, part("codec", name)(**options))
    raise ValueError(f"There is no codec {name!r}: the known ones are {', '.join([*NAMES, *names('codec')])}.")
