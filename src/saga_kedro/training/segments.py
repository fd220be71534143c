"""Training segments: which clip, where, with which low-pass. All of it follows from the number of the draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler, default_collate

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audio.lowpass import LowPass, draw_low_pass, low_pass
from saga_kedro.audio.resample import to_stereo
from saga_kedro.audio.rolloff import rolloff
from saga_kedro.captioning.windows import window_at
from saga_kedro.draws import rng
from saga_kedro.model.text import pad_states
from saga_kedro.parameters import Degrade

SLOT_SECONDS = 5.0  # a clip counts once per 5 s: the authors' code cuts its segments so (REFERENCE section 1, audio)


class Order:
    """The order of the draws: categories take turns, and within a category every slot comes once per round.

    Args:
        clips: one row a clip, with ``category`` and ``samples`` (at 44.1 kHz).
        seed: of the permutations.
    """

    def __init__(self, clips: pd.DataFrame, seed: int) -> None:
        self.seed = seed
        slots = np.maximum(1, np.ceil(clips["samples"].to_numpy() / (SLOT_SECONDS * SAMPLE_RATE)).astype(int))
        rows = np.repeat(np.arange(len(clips)), slots)
        categories = clips["category"].to_numpy()[rows]
        self.slots = [rows[categories == category] for category in sorted(set(categories))]
        self._rounds: dict[tuple[int, int], np.ndarray] = {}

    def __len__(self) -> int:
        """Draws until every slot of the largest category has come once."""
        return max(map(len, self.slots)) * len(self.slots)

    def at(self, draw: int) -> tuple[int, int, int]:
        """Draw number -> row of the clips, slot within its category, round (how often the slot has come before)."""
        turn, which = divmod(draw, len(self.slots))
        rows = self.slots[which]
        k, position = divmod(turn, len(rows))
        if (which, k) not in self._rounds:
            self._rounds = {key: value for key, value in self._rounds.items() if key[0] != which}
            self._rounds[which, k] = rng(self.seed, "order", which, k).permutation(len(rows))
        slot = int(self._rounds[which, k][position])
        return int(rows[slot]), slot, k


class Segments(Dataset):
    """Draw number -> one training example.

    A segment is a random crop of a clip. A clip shorter than a segment is joined with others of its group, in an order of
    its own; what is still missing is zeros, which ``valid`` leaves out of the loss.

    Args:
        clips: rows of the split, with clip_id, group, category, bandwidth_hz, samples and flac (a path).
        captions: clip_id, window, caption.
        text_states: caption -> its token states [L, W].
        degrade: which low-passes are drawn.
        segment_samples: samples of a segment.
        window_seconds: of the captions' windows.
        max_tokens: text positions, zeros behind the caption's own.
        seed: of every draw; give validation another one.
    """

    def __init__(
        self,
        clips: pd.DataFrame,
        captions: pd.DataFrame,
        text_states: Mapping[str, Tensor],
        degrade: Degrade,
        segment_samples: int,
        window_seconds: float,
        max_tokens: int,
        seed: int,
    ) -> None:
        if clips.empty:
            raise ValueError("no clip to draw segments from: ingest more audio, or make the other splits smaller.")
        self.clips = clips.reset_index(drop=True)
        self.groups = self.clips.groupby("group").indices
        self.captions = {(row.clip_id, row.window): row.caption for row in captions.itertuples()}
        self.windows = captions.groupby("clip_id")["window"].nunique().to_dict()
        self.text_states = text_states
        self.degrade = degrade
        self.segment_samples = segment_samples
        self.window_seconds = window_seconds
        self.max_tokens = max_tokens
        self.seed = seed
        self.order = Order(self.clips, seed)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        """One example.

        Returns:
            name: str, what the draws of noise, t and dropout are made of; high, low: float32 [2, segment_samples];
            valid: samples that are audio; text: [max_tokens, W]; f_l, f_h: roll-offs in [0, 1).
        """
        row, slot, k = self.order.at(draw)
        clip = self.clips.iloc[row]
        name = (self.seed, clip.clip_id, slot, k)
        spare = max(0, int(clip.samples) - self.segment_samples)
        start = int(rng("segment", *name).integers(spare + 1))
        high, bandwidth_hz, valid = self._read(row, start, name)
        low = low_pass(high, SAMPLE_RATE, self._filter(name, bandwidth_hz))
        audio = torch.from_numpy(np.stack([low, high]).astype(np.float32))
        f_l, f_h = rolloff(audio)
        middle = (start + min(self.segment_samples, int(clip.samples)) / 2) / SAMPLE_RATE
        window = window_at(middle, self.windows[clip.clip_id], self.window_seconds)
        state = self.text_states[self.captions[clip.clip_id, window]]
        return {
            "name": "/".join(map(str, name)),
            "low": audio[0],
            "high": audio[1],
            "valid": valid,
            "text": pad_states([state], self.max_tokens, state.shape[-1])[0],
            "f_l": f_l,
            "f_h": f_h,
        }

    def _read(self, row: int, start: int, name: tuple) -> tuple[np.ndarray, float, int]:
        """The segment [2, segment_samples], the smallest own bandwidth in it in Hz, and how much of it is audio."""
        others = self.groups[self.clips.at[row, "group"]]
        others = rng("join", *name).permutation(others[others != row])
        pieces: list[np.ndarray] = []
        bandwidths = []
        missing = self.segment_samples
        for joined in [row, *others]:
            clip = self.clips.iloc[joined]
            audio, _ = read_audio(Path(clip.flac), start=start if joined == row else 0, samples=missing)
            pieces.append(to_stereo(audio))
            bandwidths.append(float(clip.bandwidth_hz))
            missing -= audio.shape[1]
            if missing <= 0:
                break
        segment = np.concatenate([*pieces, np.zeros((2, max(0, missing)), np.float32)], axis=1)
        return segment, min(bandwidths), self.segment_samples - max(0, missing)

    def _filter(self, name: tuple, bandwidth_hz: float) -> LowPass:
        return draw_low_pass(
            rng("low_pass", *name),
            bandwidth_hz,
            minimum_hz=self.degrade.minimum_hz,
            maximum_hz=self.degrade.maximum_hz,
            orders=(self.degrade.minimum_order, self.degrade.maximum_order),
        )


class Draws(Sampler[list[int]]):
    """Batches of draw numbers, from ``first`` on, shared out over the processes of a distributed training.

    Args:
        first: first draw number, the same in every process.
        batches: batches that each process gets.
        batch_size: draws in a batch.
        rank, world_size: this process, and how many there are.
    """

    def __init__(self, first: int, batches: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.first, self.batches, self.batch_size, self.rank, self.world_size = first, batches, batch_size, rank, world_size

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in range(self.batches):
            start = self.first + (batch * self.world_size + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))


def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Examples to a batch: tensors stacked, names in a list."""
    batch = default_collate([{key: value for key, value in example.items() if key != "name"} for example in examples])
    return batch | {"name": [example["name"] for example in examples]}
