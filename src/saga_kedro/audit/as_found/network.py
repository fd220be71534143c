"""Other ways by which the roll-off, and a dropped caption, reach the DiT."""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from saga_kedro.model.condition import Condition
from saga_kedro.model.network import RolloffEmbedding, SagaNetwork

GlobalPath = Literal["global_cond", "added", "prepend_token", "prepend_unprojected", "prepend_identity", "none"]
Tokens = Literal["two", "joint"]
EMPTY_CAPTION_TOKENS = 4  # BERT's empty caption has two tokens, T5's has one
SECONDS_MAXIMUM = 512.0  # the range of Stable Audio Open's seconds_start and seconds_total
SEGMENT_SECONDS = 5.94
HIGHEST = 10_000.0  # of the joint embedding's frequencies, in cycles over the whole range of the roll-off


class JointRolloff(nn.Module):
    """The failing code's roll-off conditioner: f_l and f_h together as one token of ``width`` and one global vector."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = torch.linspace(0, math.log(HIGHEST), width // 2).exp()
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.token = nn.Sequential(nn.Linear(2 * width, width), nn.LayerNorm(width))
        self.vector = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.LayerNorm(2 * width))

    def forward(self, f_l: Tensor, f_h: Tensor) -> tuple[Tensor, Tensor]:
        """[B], [B] -> a token [B, 1, W] and a vector [B, 2 W]."""
        angles = 2 * math.pi * torch.stack([f_l, f_h], dim=1)[..., None] * self.frequencies
        both = torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)
        return self.token(both)[:, None], self.vector(both)


class PathsNetwork(SagaNetwork):
    """``SagaNetwork`` with a choice for each path of the roll-off; without options it is that network.

    ``rolloff_global`` is ``global_cond`` (the authors); ``added`` to a frozen vector of seconds before its projection (the
    failing code); ``prepend_token`` beside that vector, with the timestep in it (the first document's fix);
    ``prepend_unprojected``, the same with ``prepend_cond_dim`` 0; ``prepend_identity``, that behind an identity; or ``none``.
    ``rolloff_tokens`` is ``two`` or ``joint`` (the failing code). ``text_null`` may be ``empty_string``: `set_empty_caption`.
    """

    empty_caption: Tensor

    def __init__(
        self, *arguments: Any, rolloff_global: GlobalPath = "global_cond", rolloff_tokens: Tokens = "two", **options: Any
    ) -> None:
        for name, value, kinds in (("rolloff_global", rolloff_global, GlobalPath), ("rolloff_tokens", rolloff_tokens, Tokens)):
            if value not in (known := get_args(kinds)):
                raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}.")
        self.rolloff_global = rolloff_global
        empty_string = options.get("text_null") == "empty_string"
        super().__init__(*arguments, **options | ({"text_null": "zeroed_text"} if empty_string else {}))
        width = self.text_width
        if empty_string:
            self.register_buffer("empty_caption", torch.zeros(EMPTY_CAPTION_TOKENS, width))
            self.build_context = self._with_empty_caption
        self.joint = JointRolloff(width) if rolloff_tokens == "joint" else None
        if rolloff_global not in ("global_cond", "none"):
            self.seconds = nn.ModuleList([RolloffEmbedding(width), RolloffEmbedding(width)]).requires_grad_(False)
        if rolloff_global.startswith("prepend"):
            embed_dim = self.dit.model.to_timestep_embed[-1].out_features
            self.to_prepend = nn.Linear(2 * width, embed_dim)
            if rolloff_global == "prepend_identity":
                self.dit.model.to_prepend_embed = nn.Identity()

    def dit_config(self, **backbone: Any) -> dict[str, Any]:
        config = super().dit_config(**backbone)
        if self.rolloff_global == "prepend_token":
            config["prepend_cond_dim"] = backbone["embed_dim"]
        return config

    def set_empty_caption(self, states: Tensor) -> None:
        """Replace dropped captions by the states [L, W] of an empty one, if ``text_null`` is ``empty_string``."""
        if hasattr(self, "empty_caption"):
            self.empty_caption.zero_()
            kept = states[:EMPTY_CAPTION_TOKENS]
            self.empty_caption[: len(kept)] = kept

    def _with_empty_caption(self, text: Tensor, rolloff_tokens: Tensor, dropped: Tensor) -> Tensor:
        null = torch.zeros_like(text)
        length = min(text.shape[1], EMPTY_CAPTION_TOKENS)
        null[:, :length] = self.empty_caption[:length].to(text)
        return torch.cat([torch.where(dropped[:, None, None], null, text), rolloff_tokens], dim=1)

    def _seconds(self, like: Tensor) -> Tensor:
        start, total = like.new_zeros(len(like)), like.new_full((len(like),), SEGMENT_SECONDS / SECONDS_MAXIMUM)
        return torch.cat([self.seconds[0](start), self.seconds[1](total)], dim=-1)

    def inputs(
        self, condition: Condition, drop_z_l: Tensor | None = None, drop_context: Tensor | None = None
    ) -> dict[str, Tensor]:
        inputs = super().inputs(condition, drop_z_l, drop_context)
        if self.joint is not None:
            token, inputs["global_cond"] = self.joint(condition.f_l, condition.f_h)
            dropped = torch.zeros_like(condition.f_l, dtype=torch.bool) if drop_context is None else drop_context
            inputs["cross_attn_cond"] = self.build_context(condition.text, token, dropped)
        vector = inputs.pop("global_cond")
        if self.rolloff_global == "global_cond":
            return inputs | {"global_cond": vector}
        if self.rolloff_global == "none":
            return inputs
        return inputs | {"global_cond": self._seconds(vector) + (vector if self.rolloff_global == "added" else 0)}

    def _vector(self, condition: Condition) -> Tensor:
        """f_l and f_h as one vector [B, 2 W]."""
        if self.joint is not None:
            return self.joint(condition.f_l, condition.f_h)[1]
        return torch.cat([self.f_l(condition.f_l), self.f_h(condition.f_h)], dim=-1)

    def forward(
        self, z_t: Tensor, t: Tensor, condition: Condition, drop_z_l: Tensor | None = None, drop_context: Tensor | None = None
    ) -> Tensor:
        if not self.rolloff_global.startswith("prepend"):
            return super().forward(z_t, t, condition, drop_z_l, drop_context)
        inputs, dit = self.inputs(condition, drop_z_l, drop_context), self.dit.model
        timestep = dit.to_timestep_embed(dit.timestep_features(t[:, None]))
        inputs["prepend_cond"] = (self.to_prepend(self._vector(condition)) + timestep)[:, None]
        inputs["prepend_cond_mask"] = torch.ones(len(z_t), 1, dtype=torch.bool, device=z_t.device)
        return self.dit(z_t, t, **inputs, use_checkpointing=self.checkpointing and torch.is_grad_enabled())


def give_tokens_another_width(network: SagaNetwork, width: int) -> None:
    """Make the roll-off tokens ``width`` wide, like those of inference's own conditioner: text of another width fails."""
    device = next(network.parameters()).device
    build_context, other = network.build_context, nn.Linear(network.text_width, width, device=device).requires_grad_(False)
    network.build_context = lambda text, tokens, dropped: build_context(text, other(tokens), dropped)
