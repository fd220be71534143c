"""Training segments: which clip, where, and with which low-pass follows from the number of the draw."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch.utils.data import Dataset

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audio.lowpass import LOW_PASSES, draw_low_pass
from saga_kedro.audio.resample import CHANNELS
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.captioning.windows import window_at
from saga_kedro.draws import rng, seed_of
from saga_kedro.model.parts import part
from saga_kedro.model.text import pad_states
from saga_kedro.parameters import Parameters
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.variation import hissing, varied

SLOT_SECONDS = 5.0  # a clip counts once per 5 s: the authors' code cuts its segments so (C)


def slots_of(samples: pd.Series | pa.ChunkedArray) -> np.ndarray:
    """How often clips of so many samples count in a round: once per 5 s, at least once."""
    return np.maximum(1, np.ceil(samples.to_numpy() / (SLOT_SECONDS * SAMPLE_RATE)).astype(int))


class Order:
    """The order of the draws: categories take turns, and within a category every slot comes once per round.

    ``clips`` has one row a clip, with ``category`` and ``samples`` (at 44.1 kHz).
    """

    def __init__(self, clips: pd.DataFrame | pa.Table, seed: int) -> None:
        self.seed = seed
        rows = np.repeat(np.arange(len(clips), dtype=np.int32), slots_of(clips["samples"]))
        turns, categories = pd.factorize(clips["category"].to_numpy(), sort=True)
        self.turns = turns.astype(np.int16)
        self.slots = [rows[self.turns[rows] == turn] for turn in range(len(categories))]
        self.first = np.cumsum([0, *map(len, self.slots)])
        self._rounds: dict[tuple[int, int], np.ndarray] = {}

    def __len__(self) -> int:
        """Draws until every slot of the largest category came once."""
        return max(map(len, self.slots)) * len(self.slots)

    def at(self, draw: int) -> tuple[int, int, int]:
        """Draw number -> row of the clips, slot within its category, round (how often the slot came before)."""
        turn, which = divmod(draw, len(self.slots))
        rows = self.slots[which]
        k, position = divmod(turn, len(rows))
        if (which, k) not in self._rounds:
            self._rounds = {key: value for key, value in self._rounds.items() if key[0] != which}
            self._rounds[which, k] = rng(self.seed, "order", which, k).permutation(len(rows))
        slot = int(self._rounds[which, k][position])
        return int(rows[slot]), slot, k

    def place(self, row: int, slot: int) -> int:
        """Number of a slot among the slots of all categories, 0 to ``self.first[-1] - 1``."""
        return int(self.first[self.turns[row]]) + slot

    def slot_at(self, place: int) -> tuple[int, int]:
        """Row and slot of a `place`."""
        turn = int(np.searchsorted(self.first, place, side="right")) - 1
        slot = place - int(self.first[turn])
        return int(self.slots[turn][slot]), slot


@dataclass(frozen=True)
class Crop:
    """A segment before it is low-passed."""

    high: np.ndarray  # float32 [2, segment_samples]
    bandwidth_hz: float  # the smallest own bandwidth of the clips in it
    valid: int  # samples that are audio; behind them are zeros
    caption: str  # of the window that holds its middle


class Segments(Dataset):
    """Draw number -> one training example.

    A segment is a random crop of a clip, another one at every visit; with ``degrade.draws`` = K there are ``degrade.crops`` of
    them, each low-passed in K ways, which visits use in turn: that is what a cache can hold. A clip shorter than a segment is
    joined with others of its group in a drawn order; the rest is zeros, which ``valid`` leaves out of the loss.

    Args:
        clips: of the split, with their captions.
        text_states: caption -> its token states [L, W].
        split: gives the draws their seed.
    """

    def __init__(self, clips: SegmentTable, text_states: Mapping[str, Tensor], parameters: Parameters, split: str) -> None:
        self.clips, self.text_states = clips, text_states
        self.seed = seed_of(parameters.seed, split)
        self.vary, self.degrade = parameters.vary, parameters.degrade
        self.segment_samples = parameters.model.segment_samples
        self.window_seconds = parameters.caption.window_seconds
        self.max_tokens = parameters.model.text.max_tokens
        self.low_pass = part("low_pass", LOW_PASSES, parameters.degrade.low_pass)
        self.channels = part("channels", CHANNELS, parameters.model.channels)
        self.measure_rolloff = part("rolloff", ROLLOFFS, parameters.model.rolloff)
        self._number()

    def _number(self) -> None:
        self.order = Order(self.clips.table, self.seed)
        # a music clip shorter than two segments is a note or a phrase
        music = pc.equal(self.clips.table["category"], "music").to_numpy()
        self.is_note = music & (self.clips.samples < 2 * self.segment_samples)
        self.notes = np.flatnonzero(self.is_note)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("order", "is_note", "notes")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._number()

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, draw: int) -> dict[str, Any]:
        """One example.

        Returns:
            name: what noise, t, dropout and z_h are drawn from; low_name: what z_l is drawn from; high, low: float32
            [2, segment_samples]; valid: samples that are audio; text: [max_tokens, W], zeros behind the caption's own tokens;
            f_l, f_h: roll-offs in [0, 1).
        """
        row, slot, k = self.order.at(draw)
        crop = self.crop(row, slot, k)
        degradation = self.name(row, slot, self.degradation(k))
        audio = torch.from_numpy(np.stack([self.degraded(crop, degradation), crop.high], dtype=np.float32))
        f_l, f_h = self.measure_rolloff(audio)
        state = self.text_states[crop.caption]
        return {
            "name": as_text(self.name(row, slot, k)),
            "low_name": as_text(degradation),
            "low": audio[0],
            "high": audio[1],
            "valid": crop.valid,
            "text": pad_states([state], self.max_tokens, state.shape[-1])[0],
            "f_l": f_l,
            "f_h": f_h,
        }

    def name(self, row: int, slot: int, k: int | None = None) -> tuple:
        """What a visit's draws are made from; without ``k``, those that all visits of the slot share."""
        return (self.seed, self.clips.clip_id(row), slot, *(() if k is None else (k,)))

    @property
    def crops(self) -> int:
        """How many crops a cache holds: ``degrade.crops`` of every slot."""
        return int(self.order.first[-1]) * self.degrade.crops

    def degradation(self, k: int) -> int:
        """Which of the slot's low-passes its visit ``k`` uses; low-pass ``d`` is of crop ``d % degrade.crops``."""
        return k if self.degrade.draws is None else k % (self.degrade.crops * self.degrade.draws)

    def _crop_of(self, k: int) -> int | None:
        """Which of the slot's crops its visit ``k`` uses; None for the only one."""
        if self.degrade.draws is None:
            return k
        return None if self.degrade.crops == 1 else k % self.degrade.crops

    def crop(self, row: int, slot: int, k: int) -> Crop:
        """The segment of a slot's visit ``k``."""
        samples = int(self.clips.samples[row])
        name = self.name(row, slot, self._crop_of(k))
        spare = max(0, samples - self.segment_samples)
        start = int(rng("segment", *name).integers(spare + 1))
        high, bandwidth_hz, valid = self._read(row, start, name)
        if self.is_note[row] and rng("ensemble", *name).uniform() < self.vary.ensemble:
            high, bandwidth_hz, valid = self._ensemble(high, bandwidth_hz, rng("ensemble", "voices", *name))
        captions = self.clips.captions(row)
        middle = (start + min(self.segment_samples, samples) / 2) / SAMPLE_RATE
        window = window_at(middle, len(captions), self.window_seconds)
        high[:, :valid] = varied(high[:, :valid], self.vary, rng("vary", *name), self.clips.category(row))
        return Crop(high, bandwidth_hz, valid, captions[window].as_py())

    def degraded(self, crop: Crop, name: tuple) -> np.ndarray:
        """The segment with a noise floor, low-passed as drawn for ``name``, and rounded as a file would hold it."""
        heard = crop.high.copy()
        heard[:, : crop.valid] = hissing(heard[:, : crop.valid], self.vary, rng("hiss", *name))
        drawn = draw_low_pass(
            rng("low_pass", *name),
            crop.bandwidth_hz,
            minimum_hz=self.degrade.minimum_hz,
            maximum_hz=self.degrade.maximum_hz,
            orders=(self.degrade.minimum_order, self.degrade.maximum_order),
            spread=self.degrade.spread,
        )
        low = self.low_pass(heard, SAMPLE_RATE, drawn)
        return low if self.degrade.bits is None else rounded(low, self.degrade.bits)

    def _ensemble(self, first: np.ndarray, bandwidth_hz: float, source: np.random.Generator) -> tuple[np.ndarray, float, int]:
        """A phrase among phrases of other instruments, each at its own place; result as of `_read`."""
        samples = self.segment_samples
        voices = [first]
        for voice in range(int(source.integers(1, 3, endpoint=True))):
            name = ("ensemble", int(source.integers(2**31)), voice)
            audio, bandwidth, _ = self._read(int(source.choice(self.notes)), 0, name)
            angle, level_db = source.uniform(0, np.pi / 2), source.uniform(-12, 0)
            place = np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]]) * 10 ** (level_db / 20)
            voices.append(np.roll(audio.mean(axis=0, keepdims=True) * place, int(source.integers(samples)), axis=1))
            bandwidth_hz = min(bandwidth_hz, bandwidth)
        mixed = np.sum(voices, axis=0)
        return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32), bandwidth_hz, samples

    def _read(self, row: int, start: int, name: tuple) -> tuple[np.ndarray, float, int]:
        """The segment [2, segment_samples], the smallest own bandwidth in it in Hz, and how much of it is audio."""
        pieces: list[np.ndarray] = []
        bandwidths = []
        missing = self.segment_samples
        for joined in self._joined(row, name):
            audio, _ = read_audio(Path(self.clips.flac(joined)), start=start if joined == row else 0, samples=missing)
            pieces.append(self.channels(audio))
            bandwidths.append(float(self.clips.bandwidth_hz[joined]))
            missing -= audio.shape[1]
            if missing <= 0:
                break
        segment = np.concatenate([*pieces, np.zeros((2, max(0, missing)), np.float32)], axis=1)
        return segment, min(bandwidths), self.segment_samples - max(0, missing)

    def _joined(self, row: int, name: tuple) -> Iterator[int]:
        """Yield the clip, then the rest of its group in an order drawn from ``name``."""
        yield row
        others = self.clips.group(row)
        yield from rng("join", *name).permutation(others[others != row]).tolist()


def rounded(audio: np.ndarray, bits: int) -> np.ndarray:
    """Audio in [-1, 1] as integers of so many bits hold it; what exceeds full scale is kept."""
    steps = 2.0 ** (bits - 1)
    return (np.round(audio * steps) / steps).astype(np.float32)


def as_text(name: tuple) -> str:
    """A draw's name in one string."""
    return "/".join(map(str, name))
