"""Nodes of the pipeline `encode`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def encode_text(captions: pd.DataFrame, model: dict[str, Any], encode: dict[str, Any], text_states_file: str) -> pd.DataFrame:
    """Encode every sentence that is not encoded yet; none where the text states go into the shards of latents.

    Args:
        captions: clip_id, window, start_s, caption.
        model, encode: the sections of parameters.
        text_states_file: safetensors with the states of each sentence, in bfloat16 and without padding.

    Returns:
        caption, key: under which name its states lie in the file, tokens: how many there are.
    """
    from saga_kedro.training.text_states import encode_captions

    return encode_captions([] if encode["latents"] else captions["caption"], model["text"], text_states_file)


def encode_latents(
    clips: pd.DataFrame, captions: pd.DataFrame, data_version: str, parameters: dict[str, Any], latents_folder: str
) -> dict[str, Any]:
    """Encode every segment and its low-passed versions that are not encoded yet, if ``encode.latents`` says so.

    Args:
        clips: resampled clips.
        captions: of their windows.
        data_version: of the clips.
        parameters: all of them.
        latents_folder: where caches go, each into a folder of its own.

    Returns:
        folder: of the cache, or None; how many segments, shards and bytes it has per split, and the latents' statistics.
    """
    from saga_kedro.parameters import validate

    checked = validate(parameters)
    if not checked.encode.latents:
        return {"folder": None}
    from saga_kedro.training.cache import encode_splits

    return encode_splits(clips, captions, data_version, checked, latents_folder)
