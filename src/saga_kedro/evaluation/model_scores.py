"""Judge a saved model: it and the baselines process every pair, and all rows are scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from saga_kedro.errors import SagaError
from saga_kedro.evaluation.render import Rows, prune, render_rows
from saga_kedro.evaluation.score import check_metrics, score_outputs
from saga_kedro.files import content_hash, parameter_hash
from saga_kedro.loaded_once import LoadedOnce
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, WEIGHTS, read_config
from saga_kedro.parameters import Parameters, Sample

if TYPE_CHECKING:
    from saga_kedro.model.codec import Codec


def with_prompts(pairs: pd.DataFrame, pair_captions: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the column ``prompt``: the caption of the input's first window, of captions by pair_id and window."""
    first = pair_captions[pair_captions["window"] == 0].set_index("pair_id")["caption"]
    return pairs.assign(prompt=pairs["pair_id"].map(first).fillna(""))


def score_model(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: Parameters,
    folder: str | Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outputs and scores of every row: ours, the oracle's where asked for, codec, copy_up, untouched, other systems.

    Args:
        pairs, pair_captions: of `evaluation.pairs`, and captions of their inputs.
        model_summary: ``folder`` and ``weights`` (a hash) of the saved model.
        folder: of finished outputs and scores; stale ones are removed.

    Returns:
        outputs (`render.OUTPUT_COLUMNS`) and scores (`score.SCORE_COLUMNS`). ValueError, before any work: an unknown metric.
    """
    evaluate = parameters.evaluate
    check_metrics(evaluate.metrics)
    judged = judged_model(model_summary, parameters.sample)
    rows = Rows(
        model=judged.model,
        weights=judged.weights,
        rolloff_reference=parameters.sample.rolloff == "reference" or evaluate.rolloff_reference,
        codec=partial(_codec_of, judged.model),
        codec_parameters=judged.config["codec"],
        low_band=parameters.sample.low_band,
        seed=parameters.seed,
    )
    outputs = render_rows(with_prompts(pairs, pair_captions) if judged.takes_prompts else pairs, folder, rows)
    scores = score_outputs(pairs, outputs, folder, evaluate.metrics)
    prune(folder, outputs)
    return outputs, scores


@dataclass(frozen=True)
class Judged:
    """A saved model: how a process loads it, a hash of all that decides its outputs, and its configuration."""

    model: LoadedOnce[SagaSR]
    weights: str
    config: dict[str, Any]

    @property
    def takes_prompts(self) -> bool:
        """Whether it was trained with captions."""
        return self.config["text"]["encoder"] != "none"


def judged_model(model_summary: dict[str, Any], sample: Sample) -> Judged:
    """A saved model set to sample as this run's parameters say."""
    _, config = read_config(model_summary["folder"])
    # only a reference has its roll-off: that row has its own name, and ours keeps to what an input tells
    chosen = sample.model_dump() | ({"rolloff": "predicted"} if sample.rolloff == "reference" else {})
    weights = parameter_hash(model_summary["weights"], config, chosen)
    return Judged(LoadedOnce(_load, (str(model_summary["folder"]), weights, chosen)), weights, config)


def _load(folder: str, weights: str, sample: dict[str, Any]) -> SagaSR:
    """The model in a folder; ``weights`` tells it from an earlier one in the same folder."""
    model = SagaSR.from_pretrained(folder, "cuda" if torch.cuda.is_available() else "cpu")
    model.sample = sample
    return model


def _codec_of(model: Callable[[], SagaSR]) -> Codec:
    return model().codec


class NoModel(SagaError, FileNotFoundError):
    """A folder holds no saved model."""


def require_model(folder: str | Path) -> Path:
    """The folder, once it is known to hold a saved model.

    Raises:
        NoModel: it holds none.
    """
    folder = Path(folder)
    absent = [name for name in (WEIGHTS, CONFIG) if not (folder / name).is_file()]
    if absent:
        raise NoModel(
            f"{folder} holds no model ({' and '.join(absent)} missing): train one with `kedro run --pipeline train` under the "
            "same parameters, or name a model's folder with --params evaluate.model=<folder>."
        )
    return folder


def find_model(folder: str | Path) -> dict[str, Any]:
    """The summary of a saved model: folder, weights (a hash), steps (0 if not known), and the rest of its ``fit.json``.

    Raises:
        NoModel: there is none.
    """
    folder = require_model(folder)
    written = folder / "fit.json"
    known = json.loads(written.read_text()) if written.is_file() else {"steps": 0, "run_id": None}
    return {**known, "folder": folder.as_posix(), "weights": content_hash(folder / WEIGHTS)}
