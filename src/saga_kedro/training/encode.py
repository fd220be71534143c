"""What is encoded before a training: sentences always; segments where the codec is slow."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import trange

from saga_kedro.files import atomic_path, parameter_hash
from saga_kedro.loaded_once import LoadedOnce, let_go
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import Parameters, Text
from saga_kedro.training.examples import SPLITS, make_segments
from saga_kedro.training.folder import key_of
from saga_kedro.training.latents import CachedSegments, load_encoder, write_latents

BATCH = 64
MEASURED = 256  # segments that the latents' statistics are taken from


def encode_text(captions: pd.DataFrame, parameters: Parameters, text_states_file: str | Path) -> pd.DataFrame:
    """Encode every sentence once, as `encode_captions`; none where the text states go into the cache of latents."""
    sentences = [] if parameters.encode.latents else captions["caption"]
    return encode_captions(sentences, parameters.model.text, text_states_file)


def encode_captions(captions: Iterable[str], text: Text, path: str | Path) -> pd.DataFrame:
    """Encode the captions that ``path`` does not hold yet, and drop those that are no longer wanted.

    Args:
        captions: sentences, in any order, repeated or not.
        text: the section of parameters.
        path: a safetensors file, key -> bfloat16 [tokens, width], without padding.

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


def read_states(index: pd.DataFrame, path: str | Path) -> dict[str, Tensor]:
    """Caption -> float32 states [tokens, width], as `encode_captions` wrote them."""
    states = load_file(path)
    return {row.caption: states[row.key].float() for row in index.itertuples()}


def encode_latents(
    clips: pd.DataFrame, captions: pd.DataFrame, data_version: str, parameters: Parameters, latents_folder: str | Path
) -> dict[str, Any]:
    """Encode every segment of both splits, and its low-passed versions, where ``encode.latents`` asks for it.

    Returns:
        ``key`` and ``folder`` of the cache, which lies below ``latents_folder``; ``train`` and ``validation`` as
        `write_latents` returns them; ``statistics`` of the training split. ``folder`` alone, None, where nothing is encoded.
    """
    if not parameters.encode.latents:
        return {"folder": None}
    key = key_of("encode", parameters, data_version, captions)
    encoder = LoadedOnce(load_encoder, (parameters.model, parameters.fit.accelerator))
    folder = Path(latents_folder) / key[:10]
    summary: dict[str, Any] = {"key": key, "folder": folder.as_posix()}
    encode = parameters.encode
    for split in SPLITS:
        segments, place = make_segments(clips, captions, {}, parameters, split, folder), folder / split
        summary[split] = write_latents(
            segments, encoder, place, encode.batch_size, encode.shard_segments, parameters.fit.workers
        )
        if split == "train":
            summary["statistics"] = CachedSegments(segments, place).statistics(MEASURED)
    let_go()  # a training that follows in this process needs the memory
    return summary


def cache_of(summary: dict[str, Any], parameters: Parameters, data_version: str, captions: pd.DataFrame) -> str | None:
    """The folder of the cache that a training uses, of the summary by `encode_latents`; None where it encodes for itself.

    Raises:
        ValueError: the cache is another configuration's.
    """
    if not parameters.encode.latents:
        return None
    if summary.get("key") != key_of("encode", parameters, data_version, captions):
        raise ValueError("The latents on disk are not this configuration's: run the pipeline `encode` before `fit`.")
    return summary["folder"]
