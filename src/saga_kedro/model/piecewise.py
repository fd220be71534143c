"""The codec on clips of any length, piece by piece."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.low_band import HOP as LOW_BAND_HOP
from saga_kedro.audio.reading import Read
from saga_kedro.draws import seed_of
from saga_kedro.model.blocks import ahead, noise_at, pieces
from saga_kedro.model.codec import Codec

# The margin holds what codec and spectra see beyond a piece's ends, most of it the 1.5 s on each side over which
# `audio.low_band` compares levels.
PIECE_SECONDS = 12.0
PIECE_MARGIN_SECONDS = 1.7
ENCODING_MARGIN = 32  # frames

Finish = Callable[[Array, np.ndarray], np.ndarray]
"""(decoded [1, 2, n], the input [2, n]) -> the result, float32 [2, n]."""


@dataclass(frozen=True)
class PiecewiseCodec:
    """A frozen codec for audio that is read, and returned, by ranges; ``array`` makes audio the codec's kind of array."""

    codec: Codec
    array: Callable[[np.ndarray], Array]

    def encode(self, read: Read, frames: int, seed: int, first: int) -> Array:
        """Latents drawn from the codec's posterior, [C, frames]; ``read`` starts with frame ``first`` of a longer clip."""
        hop = self.codec.hop

        def piece(wide: slice, keep: slice) -> Array:
            posterior = self.codec.encode(self.array(read(wide.start * hop, wide.stop * hop)[None]))
            mean, deviation = posterior.mean[0, :, keep], posterior.deviation[0, :, keep]
            if deviation.any():
                noise = noise_at(seed, "z_l", len(mean), first + wide.start + keep.start, mean.shape[-1])
                mean = mean + deviation * like(noise, mean)
            return mean

        cuts = pieces(0, frames, frames, self._frames(PIECE_SECONDS), ENCODING_MARGIN)
        latents = list(ahead([partial(piece, *one) for one in cuts]))
        return array_namespace(latents[0]).concat(latents, axis=-1)

    def decode(
        self,
        z: Array,
        read: Read,
        finish: Finish,
        begin: int,
        end: int,
        seed: int,
        first: int,
    ) -> Iterator[np.ndarray]:
        """Samples [begin, end) of a clip in parts, float32 [2, n], made by ``finish``; z [C, L] and ``read`` start with its
        frame ``first``."""
        hop = self.codec.hop
        begin, end = begin - first * hop, end - first * hop
        aligned = begin // hop - begin // hop % self._whole_hops()

        def piece(wide: slice, keep: slice) -> np.ndarray:
            start = wide.start * hop
            decoded = self.codec.decode(z[None, :, wide], seeds=[seed_of(seed, "decode")], first=first + wide.start)
            high = finish(decoded, read(start, wide.stop * hop))
            return high[:, max(begin - start, keep.start * hop) : min(end - start, keep.stop * hop)]

        size, margin = self._frames(PIECE_SECONDS), self._frames(PIECE_MARGIN_SECONDS)
        yield from ahead([partial(piece, *one) for one in pieces(aligned, -(-end // hop), z.shape[-1], size, margin)])

    def _frames(self, seconds: float) -> int:
        step = self._whole_hops()
        return int(seconds * SAMPLE_RATE) // self.codec.hop // step * step

    def _whole_hops(self) -> int:
        """Frames that make whole hops of the spectra in which low bands are replaced."""
        return math.lcm(self.codec.hop, LOW_BAND_HOP) // self.codec.hop
