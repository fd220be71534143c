"""Text states on disk: every caption encoded once, without padding, in bfloat16."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import trange

from saga_kedro.files import atomic_path, parameter_hash
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import Text

BATCH = 64


def encode_captions(captions: Iterable[str], text: Text, path: str | Path) -> pd.DataFrame:
    """Encode the captions that ``path`` does not hold yet, and drop those that are no longer wanted.

    Args:
        captions: sentences, in any order, repeated or not.
        text: the section of parameters.
        path: a safetensors file, name -> bfloat16 [tokens, width].

    Returns:
        caption, key, tokens: one row a sentence, sorted.
    """
    path = Path(path)
    wanted = {parameter_hash(text.model_dump(), caption): caption for caption in sorted(set(captions))}
    states: dict[str, Tensor] = {}
    if path.exists():
        with safe_open(path, "pt") as file:
            states = {key: file.get_tensor(key) for key in file.keys() if key in wanted}  # noqa: SIM118
    missing = [key for key in wanted if key not in states]
    if missing:
        encoder = TextEncoder.load(text.encoder, text.path, text.max_tokens)
        for start in trange(0, len(missing), BATCH, desc="encode captions", unit="batch"):
            keys = missing[start : start + BATCH]
            for key, state in zip(keys, encoder.encode([wanted[key] for key in keys]), strict=True):
                states[key] = state.to(torch.bfloat16).cpu().contiguous()
    with atomic_path(path) as temporary:
        save_file({key: states[key] for key in sorted(states)}, temporary)
    rows = [(caption, key, len(states[key])) for key, caption in wanted.items()]
    return pd.DataFrame(rows, columns=["caption", "key", "tokens"])


class EncodedBefore(TextEncoder):
    """In the place of a text encoder whose states are on disk already: it says how wide they are, and loads nothing.

    Args:
        text: the section of parameters.
        width: of a token's state.
    """

    def __init__(self, text: Text, width: int) -> None:
        nn.Module.__init__(self)
        self.name, self.max_tokens, self.width = text.encoder, text.max_tokens, width
        self.__dict__["model"] = nn.Identity()

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        raise NotImplementedError("A training reads text states, it does not make them.")


def read_states(index: pd.DataFrame, path: str | Path) -> dict[str, Tensor]:
    """Caption -> float32 states [tokens, width], as `encode_captions` wrote them."""
    states = load_file(path)
    return {row.caption: states[row.key].float() for row in index.itertuples()}
