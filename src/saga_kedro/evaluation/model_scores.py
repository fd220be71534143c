"""Judge a saved model: load it, let it and the baselines work on every pair, score all rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.evaluation.render import prune, render_rows
from saga_kedro.evaluation.rolloff_dial import COLUMNS as DIAL_COLUMNS
from saga_kedro.evaluation.rolloff_dial import rolloff_dial
from saga_kedro.evaluation.rows import Codec
from saga_kedro.evaluation.score import check_metrics, score_outputs
from saga_kedro.files import content_hash, parameter_hash
from saga_kedro.loaded_once import LoadedOnce
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, WEIGHTS, read_config


def with_prompts(pairs: pd.DataFrame, pair_captions: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the column ``prompt``: the caption of the input's first window.

    Args:
        pairs: with ``pair_id``.
        pair_captions: pair_id, window, start_s, caption.
    """
    first = pair_captions[pair_captions["window"] == 0].set_index("pair_id")["caption"]
    return pairs.assign(prompt=pairs["pair_id"].map(first).fillna(""))


def score_model(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    folder: str | Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outputs and scores of every row: ours, the oracle's where asked for, codec, copy_up, untouched, other systems.

    Args:
        pairs: of `evaluation.pairs`.
        pair_captions: captions of their inputs.
        model_summary: ``folder`` and ``weights`` (a hash) of the saved model.
        parameters: all of them; ``sample`` and ``evaluate`` are used.
        folder: of finished outputs and scores; what nobody asks for any more is removed.

    Returns:
        outputs (`render.OUTPUT_COLUMNS`) and scores (`score.SCORE_COLUMNS`).
    """
    sample, evaluate = parameters["sample"], parameters["evaluate"]
    check_metrics(evaluate["metrics"])
    judged = judged_model(model_summary, sample)
    outputs = render_rows(
        with_prompts(pairs, pair_captions) if judged.takes_prompts else pairs,
        folder,
        model=judged.model,
        weights=judged.weights,
        codec=partial(_codec_of, judged.model),
        codec_parameters=judged.config["codec"],
        low_band=sample["low_band"],
        rolloff_reference=sample["rolloff"] == "reference" or evaluate["rolloff_reference"],
        seed=parameters["seed"],
    )
    scores = score_outputs(pairs, outputs, folder, names=evaluate["metrics"])
    prune(folder, outputs)
    return outputs, scores


def turn_dial(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    folder: str | Path,
) -> pd.DataFrame:
    """The roll-off dial of a saved model, over the first pairs of each category.

    Args:
        pairs, pair_captions, model_summary: as for `score_model`.
        parameters: all of them; ``sample`` and ``report`` are used.
        folder: of finished measurements.

    Returns:
        `rolloff_dial.COLUMNS`; empty where ``report.dial_pairs`` is 0.
    """
    report = parameters["report"]
    few = pairs.sort_values(["cutoff_khz", "pair_id"]).groupby("category").head(report["dial_pairs"])
    if few.empty:
        return pd.DataFrame(columns=DIAL_COLUMNS)
    judged = judged_model(model_summary, parameters["sample"])
    few = few.assign(samples=few["samples"].clip(upper=round(report["dial_seconds"] * SAMPLE_RATE)))
    few = with_prompts(few, pair_captions) if judged.takes_prompts else few
    return rolloff_dial(few, folder, judged.model, judged.weights, requested=report["dial"], seed=parameters["seed"])


@dataclass(frozen=True)
class Judged:
    """A saved model that is to be judged.

    Attributes:
        model: loads it where it is to work.
        weights: hash of all that decides its outputs beside inputs.
        config: that it was saved with.
    """

    model: LoadedOnce[SagaSR]
    weights: str
    config: dict[str, Any]

    @property
    def takes_prompts(self) -> bool:
        """Whether it was trained with captions."""
        return self.config["text"]["encoder"] != "none"


def judged_model(model_summary: dict[str, Any], sample: dict[str, Any]) -> Judged:
    """A saved model set to sample as this run's parameters say."""
    _, config = read_config(model_summary["folder"])
    # only a reference has its roll-off: that row is labelled so, and ours keeps to what an input tells
    sample = {**sample, "rolloff": "predicted" if sample["rolloff"] == "reference" else sample["rolloff"]}
    weights = parameter_hash(model_summary["weights"], config, sample)
    return Judged(LoadedOnce(_load, (str(model_summary["folder"]), weights, sample)), weights, config)


def _load(folder: str, weights: str, sample: dict[str, Any]) -> SagaSR:
    """The model in a folder; ``weights`` tells it from one that lay there before."""
    model = SagaSR.from_pretrained(folder, "cuda" if torch.cuda.is_available() else "cpu")
    model.sample = sample
    return model


def _codec_of(model: Callable[[], SagaSR]) -> Codec:
    return model().codec


def find_model(folder: str | Path) -> dict[str, Any]:
    """What is to be known of a saved model: what its training wrote beside it, or what its files tell.

    Args:
        folder: of ``model.safetensors`` and ``saga_sr.json``, perhaps with a ``fit.json``.

    Returns:
        folder, weights (a hash), steps (0 if it is not known), and whatever else ``fit.json`` says.

    Raises:
        FileNotFoundError: there is no model.
    """
    folder = Path(folder)
    absent = [name for name in (WEIGHTS, CONFIG) if not (folder / name).is_file()]
    if absent:
        raise FileNotFoundError(
            f"{folder} holds no model ({' and '.join(absent)} missing): train one with `kedro run --pipeline train` under the "
            "same parameters, or name a model's folder with --params evaluate.model=<folder>."
        )
    told = folder / "fit.json"
    known = json.loads(told.read_text()) if told.is_file() else {"steps": 0, "run_id": None}
    return {**known, "folder": folder.as_posix(), "weights": content_hash(folder / WEIGHTS)}
