"""Latents on disk, for codecs that are slow: every crop of a segment and its K low-passed versions encoded once.

One shard is one chunk of a litdata dataset, and a task of `parallel_map`. It is written aside, renamed, and then noted in a
file of its own; the dataset's index is made of these notes when all are there. What a killed run left half written is therefore
never read, and the next run writes the shards that are not noted.

Latents are float16 (a relative error of 5e-4, far below the posterior's deviation), text states bfloat16 and without padding.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from saga_kedro.draws import seed_of
from saga_kedro.files import atomic_path, names_in
from saga_kedro.model.codec import Codec, build_codec
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.codec.statistics import posterior_statistics
from saga_kedro.model.text import TextEncoder, pad_states
from saga_kedro.parallel import parallel_map
from saga_kedro.parallel.worker import one_thread
from saga_kedro.training.segments import Segments, as_text

INDEX = "index.json"  # litdata's name for it


class Crops(Dataset):
    """Place of a crop -> it and all its low-passed versions: what is to be encoded. A slot's crops lie side by side.

    Args:
        segments: with ``degrade.draws`` set.
        places: which ones.
    """

    def __init__(self, segments: Segments, places: range) -> None:
        self.segments, self.places = segments, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, Any]:
        segments = self.segments
        crops, draws = segments.degrade.crops, segments.degrade.draws or 0
        place, first = divmod(self.places[index], crops)
        row, slot = segments.order.slot_at(place)
        crop = segments.crop(row, slot, first)
        names = [segments.name(row, slot, first + crops * k) for k in range(draws)]
        audio = torch.from_numpy(np.stack([crop.high, *(segments.degraded(crop, name) for name in names)]).astype(np.float32))
        rolloffs = segments.measure_rolloff(audio)
        return {
            "low_names": [as_text(name) for name in names],
            "audio": audio,
            "valid": crop.valid,
            "caption": crop.caption,
            "f_h": rolloffs[:1],
            "f_l": rolloffs[1:],
        }


@dataclass(frozen=True)
class Encoder:
    """The frozen models that a cache spares.

    Attributes:
        codec, text_encoder: on the same device.
        device: where they are.
    """

    codec: Codec
    text_encoder: TextEncoder
    device: torch.device

    @torch.no_grad()
    def __call__(self, crops: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Encode some `Crops`.

        Returns:
            The items of a shard: ``mean`` and ``deviation`` of z_h's posterior [C, T] (the latter [0, 0] where it is zero),
            ``z_l`` [K, C, T] drawn, ``f_h`` [1], ``f_l`` [K], ``valid`` in samples, ``text``: bfloat16 [L, W] in the shape of
            int16, which litdata can write.
        """
        states = self.text_encoder.encode([crop["caption"] for crop in crops])
        z_h = self.codec.encode(torch.stack([crop["audio"][0] for crop in crops]).to(self.device))
        low = self.codec.encode(torch.cat([crop["audio"][1:] for crop in crops]).to(self.device))
        z_l = low.draw([seed_of("posterior z_l", name) for crop in crops for name in crop["low_names"]])
        return [
            {
                "mean": _half(z_h.mean[i]),
                "deviation": _half(z_h.deviation[i]) if z_h.deviation.any() else torch.zeros(0, 0, dtype=torch.float16),
                "z_l": _half(one_low),
                "f_h": crop["f_h"],
                "f_l": crop["f_l"],
                "valid": crop["valid"],
                "text": states[i].to(torch.bfloat16).cpu().view(torch.int16),
            }
            for i, (crop, one_low) in enumerate(zip(crops, z_l.split(len(crops[0]["low_names"])), strict=True))
        ]


def _half(latent: Tensor) -> Tensor:
    return latent.to(torch.float16).cpu().contiguous()


def load_encoder(codec: Mapping[str, Any], text: Mapping[str, Any], accelerator: str) -> Encoder:
    """The models of a configuration, on this process's GPU where there is one.

    Args:
        codec, text: the sections of parameters.
        accelerator: ``fit.accelerator``; "cpu" leaves a GPU alone.
    """
    device = torch.device("cuda" if torch.cuda.is_available() and accelerator != "cpu" else "cpu")
    text_encoder = TextEncoder.load(text["encoder"], text["path"], text["max_tokens"])
    return Encoder(build_codec(**codec).to(device), text_encoder.to(device), device)


def write_latents(
    segments: Segments,
    encoder: Callable[[], Encoder],
    folder: str | Path,
    batch_size: int,
    shard_segments: int,
    readers: int = 0,
    workers: int | None = None,
) -> dict[str, float]:
    """Write every crop of ``segments`` that the folder does not hold yet.

    Args:
        segments: of one split, with ``degrade.draws`` set.
        encoder: gives what encodes, in whichever process it is asked: a `LoadedOnce`.
        folder: of this split; every worker has to see it.
        batch_size: crops encoded together.
        shard_segments: crops in a shard.
        readers: processes that read and low-pass for a GPU.
        workers: of `parallel_map`. A shard is a task of one thread, so that its bytes are the same wherever it is made.

    Returns:
        ``crops``, ``shards`` and ``bytes`` of the whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held = names_in(folder)
    for name in held:
        if name.startswith(".shard-"):  # of a killed run
            shutil.rmtree(folder / name)
    total = segments.crops
    shards = [range(start, min(start + shard_segments, total)) for start in range(0, total, shard_segments)]
    notes = [folder / f"shard-{number:06d}.json" for number in range(len(shards))]
    missing = [number for number, note in enumerate(notes) if note.name not in held]
    if missing:
        parallel_map(
            write_shard,
            [(number, shards[number]) for number in missing],
            "shards of latents",
            workers=workers,
            gpu=True,
            segments=segments,
            encoder=encoder,
            folder=str(folder),
            batch_size=batch_size,
            readers=readers,
        )
    indices = [json.loads(note.read_text()) for note in notes]
    chunks = [chunk for index in indices for chunk in index["chunks"]]
    with atomic_path(folder / INDEX) as temporary:
        temporary.write_text(json.dumps({**indices[0], "chunks": chunks}))
    return {
        "crops": total,
        "shards": len(shards),
        "bytes": sum((folder / chunk["filename"]).stat().st_size for chunk in chunks),
    }


def write_shard(
    shard: tuple[int, range],
    segments: Segments,
    encoder: Callable[[], Encoder],
    folder: str,
    batch_size: int,
    readers: int,
) -> None:
    """Write one shard aside, then rename it, then note it.

    Args:
        shard: its number and its places.
        segments, encoder, folder, batch_size, readers: of `write_latents`.
    """
    from litdata.streaming.cache import Cache

    number, places = shard
    encode, place = encoder(), Path(folder)
    if encode.device.type == "cpu":
        readers = 0  # tasks take all cores already
    loader = DataLoader(Crops(segments, places), batch_size=batch_size, collate_fn=list, num_workers=readers)
    aside = Path(tempfile.mkdtemp(prefix=f".shard-{number:06d}.", dir=place))
    cache = Cache(str(aside), chunk_size=len(places), writer_chunk_index=number)
    with one_thread():
        for index, item in enumerate(item for batch in loader for item in encode(batch)):
            cache[index] = item
    cache.done()
    cache.merge(1)
    (chunk,) = aside.glob("*.bin")
    chunk.replace(place / chunk.name)
    (aside / INDEX).replace(place / f"shard-{number:06d}.json")
    shutil.rmtree(aside)


class CachedSegments(Dataset):
    """Draw number -> one training example, as `Segments` gives it, but encoded.

    Args:
        segments: of the same split; only their order and names are used.
        folder: that `write_latents` filled.
        max_tokens: text positions, zeros behind the caption's own.

    Raises:
        FileNotFoundError: the folder holds no finished cache.
        ValueError: it holds another number of segments.
    """

    def __init__(self, segments: Segments, folder: str | Path, max_tokens: int) -> None:
        self.segments, self.folder, self.max_tokens = segments, Path(folder), max_tokens
        if not (self.folder / INDEX).exists():
            raise FileNotFoundError(f"There are no finished latents in {folder}: run the pipeline `encode`.")
        chunks = json.loads((self.folder / INDEX).read_text())["chunks"]
        held, wanted = sum(chunk["chunk_size"] for chunk in chunks), segments.crops
        if held != wanted:
            raise ValueError(f"{folder} holds {held} crops instead of {wanted}: remove it and run the pipeline `encode`.")
        self._opened: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        """One example.

        Returns:
            name, low_name, valid, text, f_l, f_h as `Segments` gives them; z_h_mean, z_h_deviation, z_l: float32 [C, T].
        """
        row, slot, k = self.segments.order.at(draw)
        degradation = self.segments.degradation(k)
        version, crop = divmod(degradation, self.segments.degrade.crops)
        item = self._shards()[self.segments.order.place(row, slot) * self.segments.degrade.crops + crop]
        mean = item["mean"].float()
        states = item["text"].view(torch.bfloat16).float()
        return {
            "name": as_text(self.segments.name(row, slot, k)),
            "low_name": as_text(self.segments.name(row, slot, degradation)),
            "z_h_mean": mean,
            "z_h_deviation": item["deviation"].float() if item["deviation"].numel() else torch.zeros_like(mean),
            "z_l": item["z_l"][version].float(),
            "valid": item["valid"],
            "text": pad_states([states], self.max_tokens, states.shape[-1])[0],
            "f_l": item["f_l"][version],
            "f_h": item["f_h"][0],
        }

    def statistics(self, segments: int) -> dict[str, float]:
        """`posterior_statistics` of z_h of that many segments, spread over the whole."""
        total = self.segments.crops
        items = (self._shards()[place] for place in range(0, total, max(1, total // segments)))
        return posterior_statistics(
            Posterior(mean, item["deviation"].float() if item["deviation"].numel() else torch.zeros_like(mean))
            for item in items
            for mean in [item["mean"].float()]
        )

    def _shards(self) -> Any:
        if self._opened is None or self._opened[0] != os.getpid():  # a forked process shares no file with its parent
            from litdata import StreamingDataset

            self._opened = (os.getpid(), StreamingDataset(str(self.folder), shuffle=False))
        return self._opened[1]
