"""The measured roll-off of outputs against the requested one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.evaluation.model_scores import judged_model, with_prompts
from saga_kedro.evaluation.render import Rows, oracle_rolloff, ours
from saga_kedro.files import atomic_path, keep_only, parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.parameters import Parameters
from saga_kedro.stages import code

if TYPE_CHECKING:
    from saga_kedro.model.super_resolver import SuperResolver

COLUMNS = ["pair_id", "category", "cutoff_khz", "requested", "measured"]
_Turn = tuple[Mapping[str, Any], Mapping[str, Any], str]  # a pair, how the model is called, the file of the measurement


def turn_dial(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: Parameters,
    folder: str | Path,
) -> pd.DataFrame:
    """The `rolloff_dial` of a saved model, over the first pairs of each category; empty where ``report.dial_pairs`` is 0.

    Arguments are those of `model_scores.score_model`.
    """
    report = parameters.report
    Path(folder).mkdir(parents=True, exist_ok=True)
    few = pairs.sort_values(["cutoff_khz", "pair_id"]).groupby("category").head(report.dial_pairs)
    if few.empty:
        return pd.DataFrame(columns=COLUMNS)
    judged = judged_model(model_summary, parameters.sample)
    few = few.assign(samples=few["samples"].clip(upper=round(report.dial_seconds * SAMPLE_RATE)))
    few = with_prompts(few, pair_captions) if judged.takes_prompts else few
    return rolloff_dial(few, folder, Rows(judged.model, judged.weights, seed=parameters.seed), report.dial)


def rolloff_dial(pairs: pd.DataFrame, folder: str | Path, rows: Rows, requested: Sequence[float]) -> pd.DataFrame:
    """Super-resolve each pair's input once a requested roll-off, from the same noise, and measure the output's roll-off.

    ``folder`` keeps finished measurements, one small file each; stale ones are removed. ``rows`` has a model. Returns
    ``COLUMNS``; roll-offs are in [0, 1), as of `audio.rolloff`.
    """
    work: list[_Turn] = []
    for pair in pairs.to_dict("records"):
        prompt, seed = pair.get("prompt") or None, rows.seed_of(pair)
        span = (pair["content_hash"], pair["cutoff_khz"], int(pair["samples"]))
        for value in requested:
            key = parameter_hash(code("report"), span, rows.weights, prompt, seed, value)
            asked = {"prompt": prompt, "seed": seed, "rolloff": value}
            work.append((pair, asked, str(Path(folder) / f"{key}.txt")))
    # one after the other where it is in processes, as outputs are made
    measured = parallel_map(_turn, work, "roll-off dial", workers=1, gpu=True, model=rows.model)
    keep_only(folder, [path for _, _, path in work])
    lines = [
        (pair["pair_id"], pair["category"], float(pair["cutoff_khz"]), float(asked["rolloff"]), rolloff)
        for (pair, asked, _), rolloff in zip(work, measured, strict=True)
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _turn(turn: _Turn, model: Callable[[], SuperResolver]) -> float:
    pair, asked, path = turn
    if not Path(path).exists():
        low, _ = read_audio(pair["low"], 0, int(pair["samples"]))
        output = ours(model(), low, 1000 * float(pair["cutoff_khz"]), **asked)
        with atomic_path(path) as temporary:
            temporary.write_text(repr(oracle_rolloff(output)))
    return float(Path(path).read_text())
