"""Floating-point operations and parameters of the DiT, from its architecture (T, models/dit.py), as torch counts them."""

from dataclasses import dataclass

ROLLOFF_FEATURES = 257  # 128 learned frequencies: sine, cosine and the value (saga_kedro/model/network.py)
TIME_FEATURES = 256
BACKWARD = 2  # a backward pass multiplies twice as much as a forward pass: by the weights, and by the inputs


@dataclass(frozen=True)
class Dit:
    """The trained network in numbers."""

    channels: int  # C, of a latent
    frames: int  # T, of a segment's latent; the timestep and the roll-offs are one token more
    context: int  # L, tokens of the cross-attention: the text's positions and two roll-offs
    text_width: int  # W, of a context token
    width: int  # E, of the transformer
    depth: int  # blocks
    projected: bool  # whether the context is projected to E

    @property
    def context_width(self) -> int:
        return self.width if self.projected else self.text_width

    @property
    def _block(self) -> tuple[int, int]:
        """Weights of a block, used for every token and for every context token."""
        # self-attention 3 E E + E E, queries and output of cross-attention 2 E E, SwiGLU E 8E + 4E E; keys and values W 2W
        return 18 * self.width**2, 2 * self.context_width**2

    @property
    def _embeddings(self) -> tuple[int, int, int]:
        """Weights used once for each item, context token and frame."""
        once = 2 * ROLLOFF_FEATURES * self.text_width + (2 * self.text_width + TIME_FEATURES + 2 * self.width) * self.width
        context = self.text_width * self.context_width + self.context_width**2
        frame = (2 * self.channels) ** 2 + 3 * self.channels * self.width + self.channels**2
        return once, context, frame

    def blocks_flops(self) -> float:
        """One forward pass of a segment through the blocks: 2 (18 E^2 S + 2 W^2 L + 2 E S (S + L)) each, S = T + 1."""
        tokens, context_tokens = self.frames + 1, self.context
        weights, context_weights = self._block
        attention = 2 * self.width * tokens * (tokens + context_tokens)
        return 2.0 * self.depth * (weights * tokens + context_weights * context_tokens + attention)

    def forward_flops(self) -> float:
        """One forward pass of a segment."""
        once, context, frame = self._embeddings
        last = self.channels * self.width  # the prepended token is projected to latent channels too
        return self.blocks_flops() + 2.0 * (once + context * self.context + frame * self.frames + last)

    def training_flops(self, checkpointing: bool) -> float:
        """A segment's forward and backward pass; ``checkpointing`` computes the blocks twice, but for their last product."""
        last = 2.0 * self.depth * 4 * self.width**2 * (self.frames + 1)
        return (1 + BACKWARD) * self.forward_flops() + (self.blocks_flops() - last if checkpointing else 0.0)

    def parameters(self) -> float:
        """Trained parameters, without biases and norms, which are a thousandth."""
        return self.depth * sum(self._block) + sum(self._embeddings)
