"""What each row of the table sounds like: made once, kept as files. A killed evaluation goes on where it was."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, read_audio, write_audio
from saga_kedro.corpora.manifest import project_path
from saga_kedro.draws import seed_of
from saga_kedro.evaluation.copy_up import copy_up
from saga_kedro.evaluation.match import fit_to
from saga_kedro.evaluation.names import OURS
from saga_kedro.evaluation.pairs import records, system_paths
from saga_kedro.evaluation.rows import (
    CODEC,
    COPY_UP,
    ROLLOFF_REFERENCE,
    UNTOUCHED,
    Codec,
    SuperResolver,
    codec_ceiling,
    oracle_rolloff,
    ours,
)
from saga_kedro.files import atomic_path, content_hash, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map

OUTPUT_COLUMNS = ["pair_id", "row", "path", "key", "seconds", "peak_memory_GB"]
# part of every key: to be raised when a row is made otherwise
VERSION = 2
_Line = tuple[str, str, str, str, float, float]


@dataclass(frozen=True)
class PairSounds:
    """A pair's audio, float32 [C, N] at 44.1 kHz, read when it is first asked for."""

    pair: Mapping[str, Any]

    @cached_property
    def reference(self) -> np.ndarray:
        return read_audio(self.pair["reference"], 0, int(self.pair["samples"]))[0]

    @cached_property
    def low(self) -> np.ndarray:
        return fit_to(read_audio(self.pair["low"], 0, int(self.pair["samples"]))[0], *self.reference.shape)


@dataclass(frozen=True)
class _Recipe:
    """How a row is made of a pair with what is loaded for it, and what decides the result beside the pair."""

    row: str
    decided_by: Any
    load: Callable[[], Any]
    make: Callable[[Any], np.ndarray]


def render_rows(
    pairs: pd.DataFrame,
    folder: str | Path,
    model: Callable[[], SuperResolver] | None = None,
    weights: str = "",
    codec: Callable[[], Codec] | None = None,
    codec_parameters: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
    rolloff_reference: bool = False,
    low_band: str = "input_cutoff",
    seed: int = 0,
) -> pd.DataFrame:
    """Make each row's sound and keep it as float WAV (nothing is clipped).

    A pair is a task of `parallel_map`. In processes they come one after the other, each with all cores: what it takes to make a
    row is measured, too.

    Args:
        pairs: of `evaluation.pairs`; a column ``prompt`` is given to the model where there is one.
        folder: of finished outputs; files carry the hash of all that decides them in their names.
        model: gives what makes rows ``ours`` and, on demand, ``rolloff_reference``, where something of theirs is missing: a
            `LoadedOnce`; None leaves them out.
        weights: hash of the model's weights and of its configuration.
        codec: gives what makes row ``codec``; None leaves it out.
        codec_parameters: what the codec was built from.
        sampling: keyword arguments of `super_resolve` beside those that a pair decides (steps, s_a, s_t, rolloff).
        rolloff_reference: also ask the model for the reference's own roll-off (an oracle).
        low_band: the rule by which row ``codec`` gets the input's band back.
        seed: of the draws; each pair has its own, made of this and its id.

    Returns:
        ``OUTPUT_COLUMNS``, a line per pair and row: ``key`` hashes all that decides the sound; ``seconds`` and
        ``peak_memory_GB`` are of its making, NaN where nothing was computed. What failed (an unreadable file, an output that is
        not finite, a pair that killed its worker three times) has an empty path, and the reason is printed.
    """
    made_of: dict[str, Any] = {
        "model": model,
        "weights": weights,
        "codec": codec,
        "codec_parameters": dict(codec_parameters or {}),
        "sampling": dict(sampling or {}),
        "rolloff_reference": rolloff_reference,
        "low_band": low_band,
        "seed": seed,
    }

    def lost(pair: Mapping[str, Any], reason: str) -> list[_Line]:
        return _with_given(pair, [_failed(pair, recipe) for recipe in _recipes(PairSounds(pair), **made_of)])

    lines = parallel_map(
        _render_pair, records(pairs), "outputs", workers=1, gpu=True, lost=lost, folder=str(folder), made_of=made_of
    )
    return pd.DataFrame([line for of_pair in lines for line in of_pair], columns=OUTPUT_COLUMNS)


def _render_pair(pair: Mapping[str, Any], folder: str, made_of: dict[str, Any]) -> list[_Line]:
    """A pair's lines of `render_rows`."""
    recipes = _recipes(PairSounds(pair), **made_of)
    return _with_given(pair, [_rendered(pair, recipe, Path(folder) / "outputs") for recipe in recipes])


def _recipes(
    sounds: PairSounds,
    model: Callable[[], SuperResolver] | None,
    weights: str,
    codec: Callable[[], Codec] | None,
    codec_parameters: dict[str, Any],
    sampling: dict[str, Any],
    rolloff_reference: bool,
    low_band: str,
    seed: int,
) -> list[_Recipe]:
    """How the rows of a pair are made that are not given."""
    pair_seed = seed_of(seed, "evaluate", str(sounds.pair["pair_id"]))
    recipes = [_copy_up(sounds)]
    if codec is not None:
        recipes.append(_codec(sounds, codec, codec_parameters, low_band, pair_seed))
    if model is not None:
        recipes += _model(sounds, model, weights, sampling, rolloff_reference, pair_seed)
    return recipes


def _with_given(pair: Mapping[str, Any], made: list[_Line]) -> list[_Line]:
    systems = [_given(pair, system, path) for system, path in system_paths(pair).items()]
    return [_given(pair, UNTOUCHED, pair["low"]), *made, *systems]


def prune(folder: str | Path, outputs: pd.DataFrame) -> int:
    """Remove what lies under ``folder`` (outputs, scores) and belongs to no line of ``outputs``; how many files went."""
    folder = Path(folder)
    kept = [folder / part / f"{key}{suffix}" for key in outputs["key"] for part, suffix in _FILES]
    return sum(keep_only(folder / part, kept) for part in {part for part, _ in _FILES} if (folder / part).is_dir())


_FILES = (("outputs", ".wav"), ("outputs", ".json"), ("scores", ".json"))


def _cutoff_hz(sounds: PairSounds) -> float:
    return 1000 * float(sounds.pair["cutoff_khz"])


def _copy_up(sounds: PairSounds) -> _Recipe:
    return _Recipe(COPY_UP, (), lambda: None, lambda _: copy_up(sounds.low, _cutoff_hz(sounds)))


def _codec(sounds: PairSounds, codec: Callable[[], Codec], parameters: dict[str, Any], rule: str, seed: int) -> _Recipe:
    def make(codec: Codec) -> np.ndarray:
        return codec_ceiling(codec, sounds.reference, sounds.low, _cutoff_hz(sounds), rule, seed)

    return _Recipe(CODEC, (parameters, rule, seed), codec, make)


def _model(
    sounds: PairSounds,
    model: Callable[[], SuperResolver],
    weights: str,
    sampling: dict[str, Any],
    rolloff_reference: bool,
    seed: int,
) -> list[_Recipe]:
    prompt = sounds.pair.get("prompt")
    prompt = prompt if isinstance(prompt, str) and prompt else None
    decided_by = (weights, sampling, prompt, seed)

    def make(model: SuperResolver) -> np.ndarray:
        return ours(model, sounds.low, _cutoff_hz(sounds), prompt, seed, **sampling)

    def make_with_oracle(model: SuperResolver) -> np.ndarray:
        asked = {**sampling, "rolloff": oracle_rolloff(sounds.reference)}
        return ours(model, sounds.low, _cutoff_hz(sounds), prompt, seed, **asked)

    oracle = [_Recipe(ROLLOFF_REFERENCE, decided_by, model, make_with_oracle)] if rolloff_reference else []
    return [_Recipe(OURS, decided_by, model, make), *oracle]


def _key(pair: Mapping[str, Any], row: str, decided_by: Any) -> str:
    return parameter_hash(VERSION, pair["content_hash"], float(pair["cutoff_khz"]), row, decided_by)


def _given(pair: Mapping[str, Any], row: str, path: str) -> _Line:
    digest = content_hash(path) if Path(path).exists() else ""
    if not digest:
        print(f"{pair['pair_id']}, {row}: {path}: there is no such file; it has no scores", file=sys.stderr)
    return pair["pair_id"], row, path if digest else "", _key(pair, row, digest), math.nan, math.nan


def _rendered(pair: Mapping[str, Any], recipe: _Recipe, folder: Path) -> _Line:
    key = _key(pair, recipe.row, recipe.decided_by)
    path, cost = folder / f"{key}.wav", folder / f"{key}.json"
    try:
        if not (path.exists() and cost.exists()):
            _make(path, cost, recipe)
    except (UnreadableAudio, FloatingPointError) as error:
        print(f"{pair['pair_id']}, {recipe.row}: {error}", file=sys.stderr)
        return _failed(pair, recipe)
    known = json.loads(cost.read_text())
    return pair["pair_id"], recipe.row, project_path(path), key, float(known["seconds"]), float(known["peak_memory_GB"])


def _failed(pair: Mapping[str, Any], recipe: _Recipe) -> _Line:
    return pair["pair_id"], recipe.row, "", _key(pair, recipe.row, recipe.decided_by), math.nan, math.nan


def _make(path: Path, cost: Path, recipe: _Recipe) -> None:
    loaded = recipe.load()  # once, and not a part of what the making of a sound takes
    started = time.perf_counter()
    audio = recipe.make(loaded)
    seconds = time.perf_counter() - started
    if not np.isfinite(audio).all():
        raise FloatingPointError("the output holds values that are not finite; it has no scores")
    write_audio(path, audio, SAMPLE_RATE)
    with atomic_path(cost) as temporary:
        temporary.write_text(json.dumps({"seconds": seconds, "peak_memory_GB": peak_memory_gb()}))


def peak_memory_gb() -> float:
    """The most memory that was ever in use, in 10^9 bytes: the GPU's where there is one, else this process's."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    # kilobytes on Linux, bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
