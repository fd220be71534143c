"""Nodes of the pipeline `encode`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def encode_text(captions: pd.DataFrame, model: dict[str, Any], text_states_file: str) -> pd.DataFrame:
    """Encode every sentence that is not encoded yet.

    Args:
        captions: clip_id, window, start_s, caption.
        model: the section of parameters.
        text_states_file: safetensors with the states of each sentence, in bfloat16 and without padding.

    Returns:
        caption, key: under which name its states lie in the file, tokens: how many there are.
    """
    from saga_kedro.training.text_states import encode_captions

    return encode_captions(captions["caption"], model["text"], text_states_file)
