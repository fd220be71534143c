"""The rows of the table: what each makes of a pair's input, made once and kept as a file, so that an evaluation resumes."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio, read_audio, write_audio
from saga_kedro.audio.low_band import replace_low_band
from saga_kedro.audio.resample import to_stereo
from saga_kedro.audio.rolloff import rolloff as measure_rolloff
from saga_kedro.corpora.manifest import project_path
from saga_kedro.draws import seed_of
from saga_kedro.evaluation.copy_up import copy_up
from saga_kedro.evaluation.names import OURS
from saga_kedro.evaluation.pairs import fit_to, records
from saga_kedro.files import atomic_path, content_hash, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.stages import code

if TYPE_CHECKING:
    from saga_kedro.model.codec import Codec
    from saga_kedro.model.super_resolver import SuperResolver

logger = logging.getLogger(__name__)

UNTOUCHED, CODEC, COPY_UP, ROLLOFF_REFERENCE = "untouched", "codec", "copy_up", "rolloff_reference"
OUTPUT_COLUMNS = ["pair_id", "row", "path", "key", "seconds"]
_FILES = (("outputs", ".wav"), ("outputs", ".json"), ("scores", ".json"))
_Line = tuple[str, str, str, str, float]


@dataclass(frozen=True)
class Rows:
    """How the rows of a table are made, and everything that decides them beside the pair.

    Attributes:
        model: loads the model for the rows ``ours`` and ``rolloff_reference``, where one is missing; None leaves them out.
        weights: hash of the model's weights, configuration and sampling.
        rolloff_reference: also ask the model for the reference's own roll-off (an oracle).
        codec: loads the codec for the row ``codec``, which has ``codec_parameters``; None leaves it out.
        low_band: the rule by which the row ``codec`` gets the input's band.
        seed: of the draws; each pair draws from this and its id.
    """

    model: Callable[[], SuperResolver] | None = None
    weights: str = ""
    rolloff_reference: bool = False
    codec: Callable[[], Codec] | None = None
    codec_parameters: Mapping[str, Any] = field(default_factory=dict)
    low_band: str = "input_cutoff"
    seed: int = 0

    def seed_of(self, pair: Mapping[str, Any]) -> int:
        return seed_of(self.seed, "evaluate", str(pair["pair_id"]))


@dataclass(frozen=True)
class _Sounds:
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
    """How a row is made of a pair with the model that ``load`` gives, and what decides the result beside the pair."""

    row: str
    decided_by: Any
    load: Callable[[], Any]
    make: Callable[[Any], np.ndarray]


def render_rows(pairs: pd.DataFrame, folder: str | Path, rows: Rows) -> pd.DataFrame:
    """Make each row's sound and keep it as float WAV (nothing is clipped).

    A pair is a task of `parallel_map`. In processes they run one after the other, each with all cores, because time is
    measured, too.

    Args:
        pairs: of `evaluation.pairs`; a column ``prompt`` is given to the model.
        folder: of finished outputs, named by the hash of all that decides them, code included.

    Returns:
        ``OUTPUT_COLUMNS``, a line per pair and row: ``key`` is that hash; ``seconds`` are of the making, NaN where nothing was
        computed. A failure (an unreadable file, an output that is not finite, a pair that killed its worker three times) has an
        empty path, and its reason is logged.
    """

    def lost(pair: Mapping[str, Any], reason: str) -> list[_Line]:
        return _with_given(pair, [_failed(pair, recipe) for recipe in _recipes(_Sounds(pair), rows)])

    lines = parallel_map(_render_pair, records(pairs), "outputs", workers=1, gpu=True, lost=lost, folder=str(folder), rows=rows)
    return pd.DataFrame([line for of_pair in lines for line in of_pair], columns=OUTPUT_COLUMNS)


def prune(folder: str | Path, outputs: pd.DataFrame) -> int:
    """Remove the outputs and scores under ``folder`` that belong to no line of ``outputs``; returns how many files."""
    folder = Path(folder)
    kept = [folder / part / f"{key}{suffix}" for key in outputs["key"] for part, suffix in _FILES]
    return sum(keep_only(folder / part, kept) for part in {part for part, _ in _FILES} if (folder / part).is_dir())


def _render_pair(pair: Mapping[str, Any], folder: str, rows: Rows) -> list[_Line]:
    return _with_given(pair, [_rendered(pair, recipe, Path(folder) / "outputs") for recipe in _recipes(_Sounds(pair), rows)])


def _with_given(pair: Mapping[str, Any], made: list[_Line]) -> list[_Line]:
    systems = [_given(pair, system, path) for system, path in json.loads(pair["systems"]).items()]
    return [_given(pair, UNTOUCHED, pair["low"]), *made, *systems]


def _recipes(sounds: _Sounds, rows: Rows) -> list[_Recipe]:
    """The recipes of a pair's rows that are not given."""
    pair = sounds.pair
    cutoff_hz, seed, prompt = 1000 * float(pair["cutoff_khz"]), rows.seed_of(pair), pair.get("prompt") or None

    def of_codec(codec: Codec) -> np.ndarray:
        return codec_ceiling(codec, sounds.reference, sounds.low, cutoff_hz, rows.low_band, seed)

    def of_model(model: SuperResolver, **more: Any) -> np.ndarray:
        return ours(model, sounds.low, cutoff_hz, prompt, seed, **more)

    def of_oracle(model: SuperResolver) -> np.ndarray:
        return of_model(model, rolloff=oracle_rolloff(sounds.reference))

    recipes = [_Recipe(COPY_UP, (), lambda: None, lambda _: copy_up(sounds.low, cutoff_hz))]
    if rows.codec is not None:
        recipes.append(_Recipe(CODEC, (dict(rows.codec_parameters), rows.low_band, seed), rows.codec, of_codec))
    if rows.model is not None:
        decided_by = (rows.weights, prompt, seed)
        recipes.append(_Recipe(OURS, decided_by, rows.model, of_model))
        if rows.rolloff_reference:
            recipes.append(_Recipe(ROLLOFF_REFERENCE, decided_by, rows.model, of_oracle))
    return recipes


def _key(pair: Mapping[str, Any], row: str, decided_by: Any) -> str:
    return parameter_hash(code("evaluate"), pair["content_hash"], float(pair["cutoff_khz"]), row, decided_by)


def _given(pair: Mapping[str, Any], row: str, path: str) -> _Line:
    digest = content_hash(path) if Path(path).exists() else ""
    if not digest:
        logger.warning("%s, %s: %s: there is no such file; it has no scores", pair["pair_id"], row, path)
    return pair["pair_id"], row, path if digest else "", _key(pair, row, digest), math.nan


def _rendered(pair: Mapping[str, Any], recipe: _Recipe, folder: Path) -> _Line:
    key = _key(pair, recipe.row, recipe.decided_by)
    path, cost = folder / f"{key}.wav", folder / f"{key}.json"
    try:
        if not (path.exists() and cost.exists()):
            loaded = recipe.load()  # before the clock starts
            started = time.perf_counter()
            audio = recipe.make(loaded)
            seconds = time.perf_counter() - started
            if not np.isfinite(audio).all():
                raise FloatingPointError("the output holds values that are not finite; it has no scores")
            write_audio(path, audio, SAMPLE_RATE)
            with atomic_path(cost) as temporary:
                temporary.write_text(json.dumps({"seconds": seconds}))
    except (UnreadableAudio, FloatingPointError) as error:
        logger.warning("%s, %s: %s", pair["pair_id"], recipe.row, error)
        return _failed(pair, recipe)
    return pair["pair_id"], recipe.row, project_path(path), key, float(json.loads(cost.read_text())["seconds"])


def _failed(pair: Mapping[str, Any], recipe: _Recipe) -> _Line:
    return pair["pair_id"], recipe.row, "", _key(pair, recipe.row, recipe.decided_by), math.nan


@torch.no_grad()
def codec_ceiling(
    codec: Codec, reference: np.ndarray, low: np.ndarray, cutoff_hz: float, rule: str = "input_cutoff", seed: int = 0
) -> np.ndarray:
    """The reference's own latents (the posterior's mean) decoded, the input's band put back: a perfect model's output.

    ``reference``, ``low`` and the result are float32 [C, N] at 44.1 kHz, C 1 or 2; the codec takes [1, 2, N]. ``rule`` is of
    `audio.low_band.replace_low_band`, ``seed`` of the decoder's excitation, where it has one.
    """
    tensors = (*codec.parameters(), *codec.buffers()) if isinstance(codec, torch.nn.Module) else ()
    device = tensors[0].device if tensors else torch.device("cpu")
    stereo, stereo_low = (torch.from_numpy(to_stereo(audio).copy())[None].to(device) for audio in (reference, low))
    z_h = codec.encode(stereo).mean
    decoded = codec.decode(z_h, seeds=[seed])
    decoded = torch.nn.functional.pad(decoded, (0, reference.shape[1] - decoded.shape[-1]))  # a negative padding cuts
    replaced = replace_low_band(decoded, stereo_low, cutoff_hz, rule)[0].float().cpu().numpy()
    return fit_to(replaced, *reference.shape)


def ours(model: SuperResolver, low: np.ndarray, cutoff_hz: float, prompt: str | None, seed: int, **sampling: Any) -> np.ndarray:
    """The model's output, of the input's shape: float32 [C, N] at 44.1 kHz. It gets the cutoff: the test set has it."""
    output = model.super_resolve(low, SAMPLE_RATE, prompt=prompt, seed=seed, cutoff_hz=cutoff_hz, **sampling)
    return fit_to(output, *low.shape)


def oracle_rolloff(reference: np.ndarray) -> float:
    """The reference's own roll-off in [0, 1), which no user has: its row is labelled `rolloff_reference`."""
    return float(measure_rolloff(torch.from_numpy(np.ascontiguousarray(reference, np.float32)))[0])
