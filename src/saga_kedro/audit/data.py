"""The data of an audit: clips, captions, text states, evaluation pairs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.evaluation.pairs import fit_to
from saga_kedro.files import parameter_hash
from saga_kedro.training.segments import slots_of


@dataclass(frozen=True)
class Pair:
    """An evaluation pair, cut to the audit's length: ``low`` and ``reference`` float32 [C, N]; ``prompt`` may be empty."""

    pair_id: str
    category: str
    cutoff_khz: float
    prompt: str
    low: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class AuditData:
    """What all arms share."""

    clips: pd.DataFrame  # of training and validation, as the captions
    captions: pd.DataFrame
    text_states: Mapping[str, Tensor]  # by caption
    version: str  # of the clips
    pairs: list[Pair]
    pairs_version: str  # hash of the evaluation pairs


def choose_clips(clips: pd.DataFrame, segments: int | None) -> pd.DataFrame:
    """Clips of each category, by their hashes, up to enough training segments (None takes all); validation gets a sixth."""
    if segments is None:
        return clips
    order = clips.assign(_order=[parameter_hash("audit", clip) for clip in clips["clip_id"]]).sort_values("_order")
    order["_slots"] = slots_of(order["samples"])
    before = order.groupby(["split", "category"])["_slots"].transform(lambda slots: slots.cumsum() - slots)
    share = order["split"].map({"train": 1.0, "validation": 1 / 6}).fillna(0.0)
    return order[before < segments * share].drop(columns=["_order", "_slots"]).sort_index()


def choose_pairs(pairs: pd.DataFrame, per_category: int, seconds: float) -> pd.DataFrame:
    """``per_category`` pairs of each category and cutoff: those that fill ``seconds``, then the longest, then by id."""
    used = pairs["samples"].clip(upper=round(seconds * SAMPLE_RATE))
    order = pairs.assign(_used=used).sort_values(["_used", "pair_id"], ascending=[False, True])
    return order.drop(columns="_used").groupby(["category", "cutoff_khz"], sort=True).head(per_category).sort_values("pair_id")


def read_pairs(pairs: pd.DataFrame, seconds: float) -> tuple[list[Pair], str]:
    """The sounds of pairs, up to ``seconds`` of each from the loudest stretch of the reference on, and their hash."""
    sounds = []
    for line in pairs.to_dict("records"):
        reference, _ = read_audio(line["reference"], 0, int(line["samples"]))
        low = fit_to(read_audio(line["low"], 0, int(line["samples"]))[0], *reference.shape)
        used = min(round(seconds * SAMPLE_RATE), reference.shape[1])
        start = _loudest(reference, used)
        stretch = slice(start, start + used)
        named = str(line["pair_id"]), str(line["category"]), float(line["cutoff_khz"]), str(line.get("prompt") or "")
        sounds.append(Pair(*named, low[:, stretch], reference[:, stretch]))
    return sounds, parameter_hash([(line["pair_id"], line["content_hash"]) for line in pairs.to_dict("records")], seconds)


def _loudest(audio: np.ndarray, samples: int) -> int:
    """Where the stretch of ``samples`` with the most energy starts, in steps of a tenth of a second."""
    energy = np.concatenate([[0.0], np.cumsum((audio.astype(np.float64) ** 2).sum(axis=0))])
    starts = np.arange(0, max(1, audio.shape[1] - samples + 1), SAMPLE_RATE // 10)
    return int(starts[int(np.argmax(energy[np.minimum(starts + samples, audio.shape[1])] - energy[starts]))])


def cells(pairs: list[Pair], values: list[float]) -> dict[tuple[str, float], float]:
    """Mean of a metric over the pairs of each (category, cutoff in kHz); what is not finite is left out."""
    found: dict[tuple[str, float], list[float]] = {}
    for pair, value in zip(pairs, values, strict=True):
        if np.isfinite(value):
            found.setdefault((pair.category, pair.cutoff_khz), []).append(value)
    return {cell: float(np.mean(inside)) for cell, inside in found.items()}


def described(pairs: list[Pair]) -> str:
    """``12 pairs of 0.3 to 3.0 s: speech, music at 4 kHz, 8 kHz``."""
    if not pairs:
        return "no pairs"
    categories = ", ".join(dict.fromkeys(pair.category for pair in pairs))
    cutoffs = ", ".join(f"{cutoff:g} kHz" for cutoff in sorted({pair.cutoff_khz for pair in pairs}))
    samples = [pair.reference.shape[1] for pair in pairs]
    length = " to ".join(dict.fromkeys(f"{end / SAMPLE_RATE:.1f}" for end in (min(samples), max(samples))))
    return f"{len(pairs)} pairs of {length} s: {categories} at {cutoffs}"
