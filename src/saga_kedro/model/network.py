"""The trained network: stable-audio-tools' DiT and the embeddings of f_l and f_h that condition it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from saga_kedro.model.condition import Condition
from saga_kedro.model.library import DiffusionTransformer, NumberEmbedder, quiet
from saga_kedro.model.parts import part


class RolloffEmbedding(nn.Module):
    """stable-audio-tools' NumberConditioner on [0, 1] for tensors, without copying values back from the device.

    128 learned frequencies w give [f, sin(2 pi w f), cos(2 pi w f)], 257 values, and a linear layer takes them to ``width``,
    that of a text token (paper, section 3.3; stable_audio_tools.models.adp, ``NumberEmbedder``; parameter names as there).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedder = NumberEmbedder(features=width)

    def forward(self, rolloff: Tensor) -> Tensor:
        """Roll-offs [B], fractions of the Nyquist frequency clamped to [0, 1], to [B, width]; negative ones (`UNSPECIFIED`)
        give zeros."""
        dtype = next(self.embedder.parameters()).dtype
        return self.embedder(rolloff.clamp(0, 1).to(dtype)).masked_fill(rolloff[:, None] < 0, 0)


def zeroed_context(text: Tensor, rolloff_tokens: Tensor, dropped: Tensor) -> Tensor:
    """Cross-attention context in which dropping the text zeroes every token, roll-offs too (the authors' code).

    Without a mask zeros still take their share of the softmax; the roll-offs then reach the network through the global token
    alone. Text [B, L, W] and tokens of f_l and f_h [B, 2, W] become [B, L + 2, W]; ``dropped`` is bool [B].
    """
    context = torch.cat([text, rolloff_tokens], dim=1)
    return context.masked_fill(dropped[:, None, None], 0.0)


def zeroed_text(text: Tensor, rolloff_tokens: Tensor, dropped: Tensor) -> Tensor:
    """As ``zeroed_context``, but dropping the text zeroes its tokens and keeps the roll-offs' (paper, equation 4)."""
    return torch.cat([text.masked_fill(dropped[:, None, None], 0.0), rolloff_tokens], dim=1)


ContextBuilder = Callable[[Tensor, Tensor, Tensor], Tensor]
TEXT_NULLS: dict[str, ContextBuilder] = {"zeroed_context": zeroed_context, "zeroed_text": zeroed_text}


class Dit(nn.Module):
    """stable-audio-tools' ``DiTWrapper`` (models/diffusion.py) without its module, which imports every sampler."""

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.model = DiffusionTransformer(diffusion_objective="rectified_flow", **config)

    def forward(self, x: Tensor, t: Tensor, global_cond: Tensor | None = None, **inputs: Any) -> Tensor:
        return self.model(x, t, global_embed=global_cond, **inputs)


class SagaNetwork(nn.Module):
    """v(z_t, t | z_l, c, f_l, f_h): everything that is trained.

    z_l joins z_t on the channel axis. The embeddings of f_l and f_h take two paths: one token each after the text in the
    cross-attention context, and, side by side, stable-audio-tools' ``global_cond`` (linear, SiLU, linear, plus the timestep
    embedding, prepended as one token).

    Args:
        latent_channels, text_width: C of the codec, W of the text encoder.
        embed_dim, depth, num_heads: width, blocks and heads of the transformer; a head has at least 32 dimensions.
        null_latent: value of every latent channel where z_l is dropped.
        text_null: name of the context builder in ``TEXT_NULLS``.
        project_cond_tokens: project the context to ``embed_dim`` (stable-audio-tools' default) or keep its width (Stable Audio
            Open).
        checkpointing: recompute activations in the backward pass: less memory, about a third more time.
    """

    def __init__(
        self,
        latent_channels: int,
        text_width: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        null_latent: float = -5.0,
        text_null: str = "zeroed_context",
        project_cond_tokens: bool = True,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of num_heads {num_heads}: change one of them.")
        if embed_dim < 32 * num_heads:  # the library's rotary embedding turns at least 32 dimensions of a head
            raise ValueError(f"embed_dim {embed_dim} gives {num_heads} heads fewer than 32 dimensions each: use fewer heads.")
        self.latent_channels = latent_channels
        self.text_width = text_width
        self.null_latent = null_latent
        self.build_context = part("text_null", TEXT_NULLS, text_null)
        self.checkpointing = checkpointing
        self.f_l = RolloffEmbedding(text_width)
        self.f_h = RolloffEmbedding(text_width)
        config = self.dit_config(embed_dim=embed_dim, depth=depth, num_heads=num_heads, project_cond_tokens=project_cond_tokens)
        with quiet():
            self.dit = Dit(**config)

    def dit_config(self, **backbone: Any) -> dict[str, Any]:
        """The section ``model.diffusion.config`` of stable-audio-tools' configuration."""
        return {
            "io_channels": self.latent_channels,
            "input_concat_dim": self.latent_channels,
            "cond_token_dim": self.text_width,
            "global_cond_dim": 2 * self.text_width,
            "global_cond_type": "prepend",
            **backbone,
        }

    def inputs(
        self, condition: Condition, drop_z_l: Tensor | None = None, drop_context: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The DiT's arguments: ``input_concat_cond`` [B, C, T], ``cross_attn_cond`` [B, L + 2, W], ``global_cond`` [B, 2 W].

        ``drop_z_l`` and ``drop_context``, bool [B], name items whose z_l becomes ``null_latent`` and whose text is dropped;
        ``global_cond`` is never dropped.
        """
        z_l, f_l, f_h = condition.z_l, self.f_l(condition.f_l), self.f_h(condition.f_h)
        none = torch.zeros(len(z_l), dtype=torch.bool, device=z_l.device)
        if drop_z_l is not None:
            z_l = z_l.masked_fill(drop_z_l[:, None, None], self.null_latent)
        dropped = none if drop_context is None else drop_context
        context = self.build_context(condition.text, torch.stack([f_l, f_h], dim=1), dropped)
        return {"input_concat_cond": z_l, "cross_attn_cond": context, "global_cond": torch.cat([f_l, f_h], dim=-1)}

    def forward(
        self, z_t: Tensor, t: Tensor, condition: Condition, drop_z_l: Tensor | None = None, drop_context: Tensor | None = None
    ) -> Tensor:
        """The velocity v, an estimate of noise - z_h, at z_t [B, C, T] and t [B] in [0, 1]; the rest as for `inputs`."""
        inputs = self.inputs(condition, drop_z_l, drop_context)
        # Recomputation is the library's default, and useless where nothing will be differentiated.
        checkpointing = self.checkpointing and torch.is_grad_enabled()
        return self.dit(z_t, t, **inputs, use_checkpointing=checkpointing)


NETWORKS: dict[str, type[SagaNetwork]] = {"saga": SagaNetwork}
