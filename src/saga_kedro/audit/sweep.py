"""Vary how a trained model is sampled: every combination of a few parameters, as MLflow runs below one parent."""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml
from tqdm import tqdm

from saga_kedro.audit import as_found  # noqa: F401  a sweep may vary parts, the failing code's too
from saga_kedro.audit.data import choose_pairs, read_pairs
from saga_kedro.audit.records import Records, code_version
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.scoring import measure, outputs
from saga_kedro.evaluation.model_scores import with_prompts
from saga_kedro.files import parameter_hash
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Parameters, changed

SAMPLING = "sample."
SHOWN = ("LSD", "LSD_sounding", "SI-SDR", "SNR")


def combinations(vary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of values by dotted name; ValueError if nothing varies.

    ``vary``: parameter of the section ``sample`` -> a list, or a text with ``+`` between values; None leaves it unchanged.
    """
    values = {SAMPLING + name: _values(value) for name, value in vary.items() if value is not None}
    if not values:
        raise ValueError("sweep.vary varies nothing: give it a parameter of sample, e.g. --params sweep.vary.steps=4+16.")
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def _values(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [yaml.safe_load(part) for part in value.split("+")]
    return list(value) if isinstance(value, list) else [value]


def sweep(
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    model_summary: Mapping[str, Any],
    parameters: Parameters,
    folder: str,
    experiment: str,
) -> pd.DataFrame:
    """Score every combination of ``sweep.vary`` on the same pairs with the same noise; finished ones are not scored again.

    ``folder`` is of records. A row per combination: the varied parameters, then `SHOWN`.
    """
    asked = parameters.sweep
    chosen = combinations(asked.vary)
    settings = [changed(parameters, changes) for changes in chosen]
    table = choose_pairs(with_prompts(pairs, pair_captions), asked.pairs_per_category, asked.excerpt_seconds)
    sounds, version = read_pairs(table, asked.excerpt_seconds)
    records, runs, model = Records(folder), Runs(experiment), SagaSR.from_pretrained(model_summary["folder"])
    source = str(model_summary.get("run_id") or "")
    of_sweep = parameter_hash("sweep", model_summary["weights"], asked.model_dump(), version, code_version())
    parent, _ = runs.open(of_sweep, "sweep", {"audit.source_run_id": source, "sweep": "parent"}, {})
    rows = []
    bar = tqdm(list(zip(chosen, settings, strict=True)), desc="sweep", unit="setting")
    for changes, setting in bar:
        bar.set_postfix(changes)
        sample = setting.sample.model_dump()
        key = parameter_hash("sweep", model_summary["weights"], sample, setting.seed, version, code_version())
        record = records.get("sweep", key)
        if record is None:
            record = records.put("sweep", key, measure(sounds, outputs(model, setting.sample, sounds, setting.seed)))
        name = ", ".join(f"{name.removeprefix(SAMPLING)} {value}" for name, value in changes.items())
        tags = {"audit.source_run_id": source, "sweep": "setting"}
        run_id, new = runs.open(parameter_hash(of_sweep, key), f"sweep: {name}", tags, changes, parent)
        if new:
            runs.log(run_id, record["metrics"])
            runs.client.set_terminated(run_id)
        rows.append(changes | {metric: record["metrics"][metric] for metric in SHOWN})
    runs.client.set_terminated(parent)
    return pd.DataFrame(rows)
