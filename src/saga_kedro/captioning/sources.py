"""Captions from the source that configuration names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saga_kedro.captioning.captions import Captioner, caption_clips
from saga_kedro.captioning.descriptors import DescriptorCaptioner
from saga_kedro.captioning.table import captions_from_table
from saga_kedro.parameters import Caption


def captions_of(clips: pd.DataFrame, caption: Caption, cache_folder: str | Path, path_column: str = "flac") -> pd.DataFrame:
    """One caption for each window of each clip.

    Args:
        clips: columns clip_id, content_hash, samples (at 44.1 kHz) and ``path_column``.
        caption: the section of parameters.
        cache_folder: where finished captions stay.
        path_column: with the audio's path.

    Returns:
        clip_id, window, start_s, caption.

    Raises:
        MissingWeights: Qwen2-Audio is asked for and not there.
        ValueError: a table of captions lacks some clip.
    """
    if caption.source == "table":
        found, missing = captions_from_table(str(caption.path), clips, caption.window_seconds)
        if len(missing):
            example = missing.iloc[0]["clip_id"]
            raise ValueError(
                f"{caption.path} has no caption for {len(missing)} of {len(clips)} clips, such as {example}: add their rows, "
                "or choose another caption.source."
            )
        return found
    return caption_clips(clips, _captioner(caption), caption.window_seconds, cache_folder, path_column)


def _captioner(caption: Caption) -> Captioner:
    if caption.source == "descriptors":
        return DescriptorCaptioner()
    from saga_kedro.captioning.qwen2_audio import Qwen2AudioCaptioner

    return Qwen2AudioCaptioner(caption.path, caption.batch_size, caption.max_new_tokens)
