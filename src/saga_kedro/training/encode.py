"""What is encoded before a training: sentences always; segments where the codec is slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.parameters import Parameters
from saga_kedro.training.cache import encode_splits
from saga_kedro.training.text_states import encode_captions


def encode_text(captions: pd.DataFrame, parameters: Parameters, text_states_file: str | Path) -> pd.DataFrame:
    """Encode every sentence once, as `encode_captions`; none where the text states go into the cache of latents."""
    sentences = [] if parameters.encode.latents else captions["caption"]
    return encode_captions(sentences, parameters.model.text, text_states_file)


def encode_latents(
    clips: pd.DataFrame, captions: pd.DataFrame, data_version: str, parameters: Parameters, latents_folder: str | Path
) -> dict[str, Any]:
    """Encode every segment and its low-passed versions, as `encode_splits`, where ``encode.latents`` asks for it.

    Returns:
        folder: of the cache, or None; else as `encode_splits`.
    """
    if not parameters.encode.latents:
        return {"folder": None}
    return encode_splits(clips, captions, data_version, parameters, latents_folder)
