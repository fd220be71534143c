"""Does the roll-off do what it is asked? The measured roll-off of outputs against the one requested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.audio.io import read_audio
from saga_kedro.draws import seed_of
from saga_kedro.evaluation.rows import SuperResolver, oracle_rolloff, ours
from saga_kedro.files import atomic_path, keep_only, parameter_hash

REQUESTED = (0.4, 0.6, 0.8, 0.95)
COLUMNS = ["pair_id", "category", "cutoff_khz", "requested", "measured"]


def rolloff_dial(
    pairs: pd.DataFrame,
    folder: str | Path,
    model: SuperResolver,
    weights: str = "",
    sampling: Mapping[str, Any] | None = None,
    requested: Sequence[float] = REQUESTED,
    seed: int = 0,
) -> pd.DataFrame:
    """Super-resolve each pair's input once a requested roll-off and measure the roll-off of what comes out.

    Args:
        pairs: a few of them; each costs one run of the model a requested value.
        folder: where finished measurements are kept, one small file each; those that nobody asks for any more are removed.
        model, weights, sampling, seed: as for `evaluation.render.render_rows`.
        requested: roll-offs in [0, 1). Every value is asked of the same noise.

    Returns:
        Columns pair_id, category, cutoff_khz, requested, measured: roll-offs as of `audio.rolloff`, 1 is half the rate.
    """
    from tqdm import tqdm

    sampling = dict(sampling or {})
    lines: list[tuple[str, str, float, float, float]] = []
    wanted: list[Path] = []
    work = [(pair, value) for pair in pairs.to_dict("records") for value in requested]
    for pair, value in tqdm(work, desc="roll-off dial", unit="output", disable=not work):
        pair_seed = seed_of(seed, "evaluate", pair["pair_id"])
        prompt = pair.get("prompt") or None
        span = (pair["content_hash"], pair["cutoff_khz"], int(pair["samples"]))
        key = parameter_hash("dial", span, weights, sampling, prompt, pair_seed, value)
        path = Path(folder) / f"{key}.txt"
        wanted.append(path)
        if not path.exists():
            low, _ = read_audio(pair["low"], 0, int(pair["samples"]))
            output = ours(model, low, 1000 * float(pair["cutoff_khz"]), prompt, pair_seed, **{**sampling, "rolloff": value})
            with atomic_path(path) as temporary:
                temporary.write_text(repr(oracle_rolloff(output)))
        lines.append((pair["pair_id"], pair["category"], float(pair["cutoff_khz"]), float(value), float(path.read_text())))
    if Path(folder).is_dir():
        keep_only(folder, wanted)
    return pd.DataFrame(lines, columns=COLUMNS)
