"""Does the roll-off do what it is asked? The measured roll-off of outputs against the one requested."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from saga_kedro.audio.io import read_audio
from saga_kedro.evaluation.render import Rows, prompt_of
from saga_kedro.evaluation.rows import oracle_rolloff, ours
from saga_kedro.files import atomic_path, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map

if TYPE_CHECKING:
    from saga_kedro.model.super_resolver import SuperResolver

COLUMNS = ["pair_id", "category", "cutoff_khz", "requested", "measured"]


@dataclass(frozen=True)
class _Turn:
    """A pair, what is asked of the model, and the file that keeps the measured roll-off."""

    pair: Mapping[str, Any]
    asked: Mapping[str, Any]
    path: str


def rolloff_dial(pairs: pd.DataFrame, folder: str | Path, rows: Rows, requested: Sequence[float]) -> pd.DataFrame:
    """Super-resolve each pair's input once a requested roll-off and measure the roll-off of what comes out.

    Args:
        pairs: a few of them; each costs one run of the model a requested value.
        folder: where finished measurements are kept, one small file each; stale ones are removed.
        rows: has a model.
        requested: roll-offs in [0, 1). Every value is asked of the same noise.

    Returns:
        ``COLUMNS``: roll-offs as of `audio.rolloff`, 1 is half the rate.
    """
    sampling = dict(rows.sampling)
    work = []
    for pair in pairs.to_dict("records"):
        prompt, seed = prompt_of(pair), rows.seed_of(pair)
        span = (pair["content_hash"], pair["cutoff_khz"], int(pair["samples"]))
        for value in requested:
            key = parameter_hash("dial", span, rows.weights, sampling, prompt, seed, value)
            asked = {"prompt": prompt, "seed": seed, **sampling, "rolloff": value}
            work.append(_Turn(pair, asked, str(Path(folder) / f"{key}.txt")))
    # one after the other where it is in processes, as outputs are made
    measured = parallel_map(_turn, work, "roll-off dial", workers=1, gpu=True, model=rows.model)
    keep_only(folder, [turn.path for turn in work])
    lines = [
        (turn.pair["pair_id"], turn.pair["category"], float(turn.pair["cutoff_khz"]), float(turn.asked["rolloff"]), rolloff)
        for turn, rolloff in zip(work, measured, strict=True)
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _turn(turn: _Turn, model: Callable[[], SuperResolver]) -> float:
    path, pair = Path(turn.path), turn.pair
    if not path.exists():
        low, _ = read_audio(pair["low"], 0, int(pair["samples"]))
        output = ours(model(), low, 1000 * float(pair["cutoff_khz"]), **turn.asked)
        with atomic_path(path) as temporary:
            temporary.write_text(repr(oracle_rolloff(output)))
    return float(path.read_text())
