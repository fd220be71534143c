"""Roll-off embedding: a number in [0, 1) through learned Fourier features (paper, section 3.3)."""

from __future__ import annotations

from torch import Tensor, nn

from saga_kedro.model.library import NumberEmbedder


class RolloffEmbedding(nn.Module):
    """stable-audio-tools' NumberConditioner on [0, 1], for tensors: no list of Python floats, so no copy back from the device.

    128 learned frequencies w give [f, sin(2 pi w f), cos(2 pi w f)], 257 values, which a linear layer takes to ``width``, that
    of a text token (paper, section 3.3; stable_audio_tools.models.adp, ``NumberEmbedder``; parameter names as there).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedder = NumberEmbedder(features=width)

    def forward(self, rolloff: Tensor) -> Tensor:
        """Roll-offs [B], fractions of the Nyquist frequency clamped to [0, 1] as NumberConditioner does, to [B, width]. What
        is negative, such as `UNTOLD`, has the embedding zero."""
        dtype = next(self.embedder.parameters()).dtype
        return self.embedder(rolloff.clamp(0, 1).to(dtype)).masked_fill(rolloff[:, None] < 0, 0)
