"""Evaluation pairs: a low-passed excerpt and its reference, made from test clips or given beside other systems' outputs."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, audio_info, read_audio, write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import resample
from saga_kedro.corpora.manifest import Rejected, project_path, rejected_frame
from saga_kedro.draws import seed_of
from saga_kedro.evaluation.names import cutoff_name
from saga_kedro.files import content_hash, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Degrade
from saga_kedro.stages import code

logger = logging.getLogger(__name__)

BANDWIDTH_OVER_CUTOFF = 1.5
TOLERANCE_S = 0.1


@dataclass(frozen=True)
class Pair:
    """A line of the table. Paths are posix text, ``systems`` a JSON object of other systems' outputs (name -> path)."""

    pair_id: str
    clip_id: str
    group: str
    category: str
    cutoff_khz: float
    start_s: float
    samples: int
    low: str
    reference: str
    content_hash: str
    systems: str = "{}"


COLUMNS = [field.name for field in fields(Pair)]
_Excerpt = tuple[Pair, str, int, int]  # a pair, its clip's file, the first sample there, the low-pass's order


def make_pairs(
    clips: pd.DataFrame, pair_table: pd.DataFrame, degrade: Degrade, folder: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The evaluation pairs of a dataset: those of ``pair_table`` where it has any, else low-passed excerpts of the test split.

    An excerpt is the middle of a clip, and its input the same low-passed by a Chebyshev I (`audio.lowpass`). A clip counts at a
    cutoff only if its bandwidth is at least 1.5 times the cutoff, so that there is something to restore. Where the low-passed
    excerpt would exceed full scale, both are turned down alike. File names hold the hash of content, parameters and code:
    finished files are kept, and files of no pair are removed.

    Args:
        clips: clip_id, group, category, content_hash, split, bandwidth_hz, flac (path of the 44.1 kHz file: the whole clip, or
            only the row's range), samples (of that file); start_s and end_s where a row is a range of a clip.
        pair_table: as for `pairs_from_table`; empty unless the source is ``pairs``.
        degrade: the ``pairs_per_category`` are from as many groups as possible.
        folder: for the FLAC files; nothing else may be in it.

    Returns:
        The pairs (``COLUMNS``), and the refused clips (path, reason).
    """
    pairs, refused = pairs_from_table(pair_table, folder) if len(pair_table) else _excerpts(clips, degrade, Path(folder))
    logger.info("%d evaluation pairs; %d clips cannot be one.", len(pairs), len(refused))
    return pairs, refused


def _excerpts(clips: pd.DataFrame, degrade: Degrade, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    wanted: list[_Excerpt] = []
    refused: list[Rejected] = []
    test = clips[clips["split"] == "test"]
    # spread over the groups, in an order that does not change when clips are added
    ranked = test.assign(rank=[seed_of("pairs", str(clip)) for clip in test["clip_id"]]).sort_values("rank")
    ranked = ranked.assign(turn=ranked.groupby(["category", "group"]).cumcount()).sort_values(["turn", "rank"])
    for cutoff_khz in degrade.cutoffs_khz:
        taken: dict[str, int] = {}
        for row in ranked.to_dict("records"):
            if row["bandwidth_hz"] < BANDWIDTH_OVER_CUTOFF * 1000 * cutoff_khz:
                reason = f"bandwidth {row['bandwidth_hz']:.0f} Hz is under 1.5 times the cutoff of {cutoff_khz:g} kHz"
                refused.append(Rejected(str(row["flac"]), reason))
                continue
            if degrade.pairs_per_category is not None and taken.get(row["category"], 0) >= degrade.pairs_per_category:
                continue
            taken[row["category"]] = taken.get(row["category"], 0) + 1
            wanted.append(_excerpt(row, folder, float(cutoff_khz), degrade.order, degrade.excerpt_seconds))

    results = parallel_map(_write, wanted, "evaluation pairs", lost=lambda excerpt, reason: Rejected(excerpt[1], reason))
    pairs = [result for result in results if isinstance(result, Pair)]
    refused += [result for result in results if isinstance(result, Rejected)]
    return _kept(folder, pairs, [path for pair in pairs for path in (pair.low, pair.reference)], refused)


def pairs_from_table(table: pd.DataFrame, folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs whose inputs, references and other systems' outputs are given (`corpora.pairs`); returns what `make_pairs` does.

    The table has item (clip and group), category, cutoff_khz, system, path; systems ``input`` and ``reference`` are the pair.
    Files at 44.1 kHz are used in place; others are resampled into ``folder``. An input whose length differs from its
    reference's by more than 0.1 s is refused, and so is a system's output that is shorter by more; small differences are cut
    or padded when scored.
    """
    items = [
        (str(item), str(category), float(str(at)), dict(zip(lines["system"], lines["path"].astype(str), strict=True)))
        for (item, category, at), lines in table.groupby(["item", "category", "cutoff_khz"], sort=True)
    ]
    results = parallel_map(
        _gather, items, "given pairs", lost=lambda item, reason: (None, [Rejected(item[0], reason)]), folder=str(folder)
    )
    pairs = [pair for pair, _ in results if pair is not None]
    used = [path for pair in pairs for path in (pair.low, pair.reference, *json.loads(pair.systems).values())]
    return _kept(Path(folder), pairs, used, [line for _, lines in results for line in lines])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's lines as dictionaries."""
    return [{str(name): value for name, value in line.items()} for line in table.to_dict("records")]


def joined(pairs: pd.DataFrame, outputs: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of `render.render_rows`, each with the columns of its pair."""
    return records(outputs.merge(pairs, on="pair_id", how="left", validate="m:1"))


def fit_to(estimate: np.ndarray, channels: int, samples: int) -> np.ndarray:
    """An output as float32 [channels, samples], as its reference: mono is duplicated or mixed, the end cut or padded."""
    audio = np.asarray(estimate, np.float32)
    if len(audio) != channels:
        audio = np.repeat(audio.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
    short = max(0, samples - audio.shape[1])
    return np.ascontiguousarray(np.pad(audio[:, :samples], ((0, 0), (0, short))))


def _excerpt(row: dict, folder: Path, cutoff_khz: float, order: int, excerpt_seconds: float) -> _Excerpt:
    samples, span = int(row["samples"]), (row.get("start_s"), row.get("end_s"))
    first = round(float(span[0] or 0.0) * SAMPLE_RATE)
    last = samples if span[1] is None or np.isnan(span[1]) else round(float(span[1]) * SAMPLE_RATE)
    if last > samples + TOLERANCE_S * SAMPLE_RATE:
        # the file ends before the range does: it holds the range alone
        first, last = 0, samples
    last = min(last, samples)
    length = min(last - first, round(excerpt_seconds * SAMPLE_RATE))
    start = first + (last - first - length) // 2
    key = parameter_hash(code("degrade"), row["content_hash"], span, start, length, cutoff_khz, order)
    pair_id = f"{row['clip_id']}_{cutoff_name(cutoff_khz)}"
    name = f"{pair_id}_{key[:16]}"
    pair = Pair(
        pair_id=pair_id,
        clip_id=str(row["clip_id"]),
        group=str(row["group"]),
        category=str(row["category"]),
        cutoff_khz=cutoff_khz,
        start_s=start / SAMPLE_RATE,
        samples=length,
        low=project_path(folder / f"{name}_low.flac"),
        reference=project_path(folder / f"{name}_reference.flac"),
        content_hash=key,
    )
    return pair, str(row["flac"]), start, order


def _write(excerpt: _Excerpt) -> Pair | Rejected:
    pair, flac, start, order = excerpt
    if Path(pair.low).exists() and Path(pair.reference).exists():
        return pair
    try:
        reference, rate = read_audio(flac, start, pair.samples)
    except UnreadableAudio as error:
        return Rejected(flac, str(error))
    if rate != SAMPLE_RATE or reference.shape[1] != pair.samples:
        return Rejected(flac, f"expected {pair.samples} samples at 44.1 kHz, found {reference.shape[1]} at {rate} Hz")
    if not np.any(reference):
        return Rejected(flac, "the excerpt is digital silence")
    low = low_pass(reference, SAMPLE_RATE, LowPass("chebyshev", order, round(1000 * pair.cutoff_khz)))
    # a low-pass can overshoot what FLAC holds; turned down alike, the pair stays a pair
    gain = np.float32(min(1.0, 0.999 / max(float(np.abs(low).max()), 1e-9)))
    write_audio(pair.low, low * gain, SAMPLE_RATE)
    write_audio(pair.reference, reference * gain, SAMPLE_RATE)
    return pair


def _gather(item: tuple[str, str, float, dict[str, str]], folder: str) -> tuple[Pair | None, list[Rejected]]:
    name, category, cutoff_khz, paths = item
    missing = [system for system in ("input", "reference") if system not in paths]
    if missing:
        return None, [Rejected(name, f"the item has no {' and no '.join(missing)}")]
    at_rate: dict[str, tuple[str, str, int]] = {}
    refused = []
    for system, path in paths.items():
        try:
            at_rate[system] = _at_our_rate(path, Path(folder))
        except (UnreadableAudio, OSError) as error:
            refused.append(Rejected(path, str(error)))
    if "input" not in at_rate or "reference" not in at_rate:
        return None, refused
    tolerance = round(TOLERANCE_S * SAMPLE_RATE)
    low, low_hash, low_samples = at_rate.pop("input")
    reference, reference_hash, samples = at_rate.pop("reference")
    if abs(low_samples - samples) > tolerance:
        seconds = abs(low_samples - samples) / SAMPLE_RATE
        return None, [*refused, Rejected(low, f"input and reference differ in length by {seconds:.2f} s")]
    for system, (path, _, length) in list(at_rate.items()):
        if length < samples - tolerance:
            seconds = (samples - length) / SAMPLE_RATE
            refused.append(Rejected(path, f"the output of {system} is {seconds:.2f} s shorter than the reference"))
            del at_rate[system]
    pair = Pair(
        pair_id=f"{name}_{cutoff_name(cutoff_khz)}",
        clip_id=name,
        group=name,
        category=category,
        cutoff_khz=cutoff_khz,
        start_s=0.0,
        samples=min(samples, low_samples),
        low=low,
        reference=reference,
        content_hash=parameter_hash(code("degrade"), low_hash, reference_hash, cutoff_khz),
    )
    systems = {system: path for system, (path, _, _) in sorted(at_rate.items())}
    return replace(pair, systems=json.dumps(systems)), refused


def _at_our_rate(path: str, folder: Path) -> tuple[str, str, int]:
    digest = content_hash(path)
    info = audio_info(path)
    if info.rate == SAMPLE_RATE:
        return project_path(path), digest, info.samples
    target = folder / f"{Path(path).stem}_{parameter_hash(code('degrade'), digest)[:16]}.flac"
    if not target.exists():
        audio, rate = read_audio(path)
        write_audio(target, resample(audio, rate, SAMPLE_RATE), SAMPLE_RATE)
    return project_path(target), digest, audio_info(target).samples


def _kept(
    folder: Path, pairs: Sequence[Pair], files: Sequence[str], refused: list[Rejected]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of pairs and refusals, after removing stale files."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_only(folder, files)
    ordered = sorted(pairs, key=lambda pair: (pair.cutoff_khz, pair.category, pair.pair_id))
    return pd.DataFrame([asdict(pair) for pair in ordered], columns=COLUMNS), rejected_frame(refused)
