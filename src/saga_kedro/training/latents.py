"""Latents on disk, for codecs that are slow: every crop of a segment and its K low-passed versions encoded once.

A shard is a safetensors file, a task of `parallel_map`, and whole: after a killed run the next one writes those that are
missing, and then an index. Latents are float16 (a relative error of 5e-4, far below the posterior's deviation), text states
bfloat16 and without padding.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from saga_kedro.draws import seed_of
from saga_kedro.files import atomic_path, keep_only
from saga_kedro.model.codec import Codec, build_codec
from saga_kedro.model.codec.posterior import Posterior, posterior_statistics
from saga_kedro.model.text import TextEncoder, pad_states
from saga_kedro.parallel import parallel_map
from saga_kedro.parallel.worker import one_thread
from saga_kedro.parameters import Model
from saga_kedro.training.devices import device_of
from saga_kedro.training.segments import Segments, as_text

INDEX = "latents.json"
OPEN_SHARDS = 256  # that a process keeps mapped


class Crops(Dataset):
    """Place of a crop -> it and all its low-passed versions, to be encoded. A slot's crops lie side by side."""

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
            "f_h": rolloffs[0],
            "f_l": rolloffs[1:],
        }


@dataclass(frozen=True)
class Encoder:
    """The frozen models that a cache spares, on one device."""

    codec: Codec
    text_encoder: TextEncoder
    device: torch.device

    @torch.no_grad()
    def __call__(self, crops: list[dict[str, Any]]) -> dict[str, Any]:
        """B `Crops` as float16 ``mean`` and ``deviation`` of z_h [B, C, T] and drawn ``z_l`` [B, K, C, T]; ``f_h`` [B], ``f_l``
        [B, K]; ``valid`` [B] in samples; ``text``, a list of bfloat16 [L, W]."""
        states = self.text_encoder.encode([crop["caption"] for crop in crops])
        z_h = self.codec.encode(torch.stack([crop["audio"][0] for crop in crops]).to(self.device))
        low = self.codec.encode(torch.cat([crop["audio"][1:] for crop in crops]).to(self.device))
        z_l = low.draw([seed_of("posterior z_l", name) for crop in crops for name in crop["low_names"]])
        return {
            "mean": _half(z_h.mean),
            "deviation": _half(z_h.deviation),
            "z_l": _half(z_l.unflatten(0, (len(crops), -1))),
            "f_h": torch.stack([crop["f_h"] for crop in crops]),
            "f_l": torch.stack([crop["f_l"] for crop in crops]),
            "valid": torch.tensor([crop["valid"] for crop in crops]),
            "text": [state.to(torch.bfloat16).cpu() for state in states],
        }


def _half(latent: Tensor) -> Tensor:
    return latent.to(torch.float16).cpu()


def load_encoder(model: Model, accelerator: str) -> Encoder:
    """The models of a configuration, where `device_of` says."""
    device = device_of(accelerator)
    text_encoder = TextEncoder.load(model.text.encoder, model.text.path, model.text.max_tokens)
    return Encoder(build_codec(**model.codec.model_dump()).to(device), text_encoder.to(device), device)


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
        encoder: a `LoadedOnce`, which gives each process its `Encoder`.
        folder: of this split; every worker has to see it.
        batch_size, shard_segments: crops encoded together, and crops in a shard.
        readers: processes that read and low-pass for a GPU.
        workers: of `parallel_map`. A shard is made in one thread, so its bytes are the same wherever that is.

    Returns:
        ``crops``, ``shards`` and ``bytes`` of the whole.
    """
    folder = Path(folder)
    total = segments.crops
    places = [range(start, min(start + shard_segments, total)) for start in range(0, total, shard_segments)]
    shards = [shard_path(folder, number) for number in range(len(places))]
    keep_only(folder, [*shards, folder / INDEX])
    missing = [number for number, shard in enumerate(shards) if not shard.exists()]
    if missing:
        parallel_map(
            write_shard,
            [(number, places[number]) for number in missing],
            "shards of latents",
            workers=workers,
            gpu=True,
            segments=segments,
            encoder=encoder,
            folder=str(folder),
            batch_size=batch_size,
            readers=readers,
        )
    with atomic_path(folder / INDEX) as temporary:
        temporary.write_text(json.dumps({"crops": total, "shard_segments": shard_segments}))
    return {"crops": total, "shards": len(shards), "bytes": sum(shard.stat().st_size for shard in shards)}


def shard_path(folder: str | Path, number: int) -> Path:
    """Where a shard lies, counted from 0."""
    return Path(folder) / f"shard-{number:06d}.safetensors"


def write_shard(
    shard: tuple[int, range],
    segments: Segments,
    encoder: Callable[[], Encoder],
    folder: str,
    batch_size: int,
    readers: int,
) -> None:
    """Write one shard: its number and its places; other arguments as of `write_latents`."""
    number, places = shard
    encode = encoder()
    if encode.device.type == "cpu":
        readers = 0  # tasks take all cores already
    loader = DataLoader(Crops(segments, places), batch_size=batch_size, collate_fn=list, num_workers=readers)
    with one_thread():
        batches = [encode(batch) for batch in loader]
    text = [state for batch in batches for state in batch.pop("text")]
    arrays = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    arrays["text"] = torch.cat(text)
    arrays["text_end"] = torch.tensor([len(state) for state in text]).cumsum(0)
    if not arrays["deviation"].any():
        del arrays["deviation"]
    with atomic_path(shard_path(folder, number)) as temporary:
        save_file(arrays, temporary)


@lru_cache(OPEN_SHARDS)
def _opened(path: str) -> Any:
    return safe_open(path, "pt")  # mapped into memory: only the rows that a draw uses are read


class CachedSegments(Dataset):
    """Draw number -> one training example from a cache of `write_latents`, in the order and with the names of ``segments``.

    Raises:
        FileNotFoundError: the folder holds no finished cache.
        ValueError: it holds another number of segments.
    """

    def __init__(self, segments: Segments, folder: str | Path) -> None:
        self.segments, self.folder = segments, Path(folder)
        if not (self.folder / INDEX).exists():
            raise FileNotFoundError(f"There are no finished latents in {folder}: run the pipeline `encode`.")
        index = json.loads((self.folder / INDEX).read_text())
        self.shard_segments, held, wanted = index["shard_segments"], index["crops"], segments.crops
        if held != wanted:
            raise ValueError(f"{folder} holds {held} crops instead of {wanted}: remove it and run the pipeline `encode`.")

    def __len__(self) -> int:
        return len(self.segments)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        """One example: `Segments` without its audio, and float32 [C, T] z_h_mean, z_h_deviation, z_l."""
        row, slot, k = self.segments.order.at(draw)
        degradation = self.segments.degradation(k)
        version, crop = divmod(degradation, self.segments.degrade.crops)
        shard, index = self._shard(self.segments.order.place(row, slot) * self.segments.degrade.crops + crop)
        posterior = _posterior(shard, index)
        ends = shard.get_slice("text_end")
        states = shard.get_slice("text")[int(ends[index - 1]) if index else 0 : int(ends[index])].float()
        return {
            "name": as_text(self.segments.name(row, slot, k)),
            "low_name": as_text(self.segments.name(row, slot, degradation)),
            "z_h_mean": posterior.mean,
            "z_h_deviation": posterior.deviation,
            "z_l": shard.get_slice("z_l")[index, version].float(),
            "valid": int(shard.get_slice("valid")[index]),
            "text": pad_states([states], self.segments.max_tokens, states.shape[-1])[0],
            "f_l": shard.get_slice("f_l")[index, version],
            "f_h": shard.get_slice("f_h")[index],
        }

    def statistics(self, segments: int) -> dict[str, float]:
        """`posterior_statistics` of z_h of so many segments, spread over the whole."""
        total = self.segments.crops
        places = range(0, total, max(1, total // segments))
        return posterior_statistics(_posterior(*self._shard(place)) for place in places)

    def _shard(self, place: int) -> tuple[Any, int]:
        """The shard of a crop, and its row there."""
        number, row = divmod(place, self.shard_segments)
        return _opened(str(shard_path(self.folder, number))), row


def _posterior(shard: Any, row: int) -> Posterior:
    """z_h's posterior in a row of a shard, float32 [C, T]."""
    mean = shard.get_slice("mean")[row].float()
    exact = "deviation" not in shard.keys()  # noqa: SIM118
    return Posterior(mean, torch.zeros_like(mean) if exact else shard.get_slice("deviation")[row].float())
