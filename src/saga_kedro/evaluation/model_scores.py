"""Judge a saved model: load it, let it and the baselines work on every pair, score all rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.evaluation.render import prune, render_rows
from saga_kedro.evaluation.score import check_metrics, score_outputs
from saga_kedro.files import parameter_hash
from saga_kedro.model.saga_sr import SagaSR


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
    sample, evaluate = dict(parameters["sample"]), parameters["evaluate"]
    check_metrics(evaluate["metrics"])
    model = SagaSR.from_pretrained(model_summary["folder"])
    reference_asked = sample["rolloff"] == "reference"
    if reference_asked:  # only a reference has it: the row is labelled so, and ours keeps to what an input tells
        sample["rolloff"] = "predicted"
    model.sample = sample  # a saved model brings its own defaults; this run's parameters hold
    outputs = render_rows(
        with_prompts(pairs, pair_captions),
        folder,
        model=model,
        weights=parameter_hash(model_summary["weights"], model.config, sample),
        codec=model.codec,
        codec_parameters=model.config["codec"],
        low_band=sample["low_band"],
        rolloff_reference=reference_asked or evaluate["rolloff_reference"],
        seed=parameters["seed"],
    )
    scores = score_outputs(pairs, outputs, folder, names=evaluate["metrics"])
    prune(folder, outputs)
    return outputs, scores
