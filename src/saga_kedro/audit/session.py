"""An audit from parameters and tables: its data, its bench, what it costs, what its report shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from saga_kedro.audio.io import read_audio
from saga_kedro.audit.arms import DONE, Bench, score_key
from saga_kedro.audit.configurations import changed
from saga_kedro.audit.data import AuditData, choose_pairs, described, read_pairs
from saga_kedro.audit.issues import Catalogue, Issue
from saga_kedro.audit.plan import ALIGNED, AS_FOUND, Planned, baselines
from saga_kedro.audit.records import Records, code_version
from saga_kedro.audit.report import AuditFindings
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.symptoms import mdct_parameters, of_arms, random_parameters
from saga_kedro.audit.training import Trained, gradient_curve, training_folder, training_key
from saga_kedro.corpora.pairs import find_pairs
from saga_kedro.evaluation.model_scores import with_prompts
from saga_kedro.evaluation.pairs import pairs_from_table
from saga_kedro.training.fit import SUMMARY

BUDGETS_OVERHEAD = 1.3  # scoring, validation, loading: what a training costs beside its steps


def read_data(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    text_states: Mapping[str, Tensor],
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: Mapping[str, Any],
    given_folder: str | Path,
) -> AuditData:
    """What all arms share.

    Args:
        clips, captions, text_states: of training and validation.
        pairs, pair_captions: of the test split.
        data_version: of the clips.
        parameters: all of them; ``audit.pairs`` names a folder of further pairs.
        given_folder: where those are resampled to, if need be.
    """
    audit = parameters["audit"]
    budget = audit["budgets"][audit["budget"]]
    per_category, seconds = budget["pairs_per_category"], budget["excerpt_seconds"]
    chosen = choose_pairs(with_prompts(pairs, pair_captions), per_category, seconds)
    if audit["pairs"]:
        ingest = parameters["ingest"]
        table, _ = find_pairs(audit["pairs"], pattern=ingest["pattern"], cutoff_khz=ingest["cutoff_khz"])
        given, _ = pairs_from_table(table, given_folder)
        chosen = pd.concat([chosen, choose_pairs(given, per_category, seconds)], ignore_index=True)
    sounds, version = read_pairs(chosen, seconds)
    return AuditData(clips, captions, text_states, data_version, sounds, version)


def open_bench(
    data: AuditData, parameters: Mapping[str, Any], records: str | Path, models: str | Path, experiment: str | None = None
) -> Bench:
    """What the arms of this budget are run with.

    Args:
        data: of `read_data`.
        parameters: all of them.
        records: folder of records and example sounds.
        models: folder of trainings.
        experiment: of MLflow; None logs nowhere.
    """
    audit = parameters["audit"]
    budget = audit["budgets"][audit["budget"]]
    return Bench(
        data=data,
        records=Records(records),
        models=Path(models),
        sounds=Path(records) / "sounds",
        seeds=audit["seeds"] or budget["seeds"],
        retrain=budget["train"],
        runs=Runs(experiment) if experiment else None,
    )


def full_hours(
    arms: Sequence[Planned], parameters: Mapping[str, Any], bench: Bench, aligned: dict[str, Any]
) -> dict[str, float]:
    """Hours that the trainings of each issue would take in budget ``full``, at the speed of the aligned baseline here."""
    audit = parameters["audit"]
    full = audit["budgets"].get("full")
    folder = training_folder(bench.models, training_key(bench.at_seed(aligned, 0), bench.data.version))
    if full is None or not (folder / SUMMARY).exists():
        return {}
    trained = bench.trained(bench.at_seed(aligned, 0), ALIGNED)
    per_step = trained.summary["seconds"] / trained.summary["steps"]
    steps = changed(parameters, full["set"])["fit"]["steps"]
    hours: dict[str, float] = {}
    for arm in arms:
        if arm.acts_in == "training" and not arm.impossible:
            seconds = per_step * steps * full["seeds"] * BUDGETS_OVERHEAD
            hours[arm.issue.id] = hours.get(arm.issue.id, 0.0) + seconds / 3600
    return hours


def collect(
    catalogue: Catalogue,
    issues: Sequence[Issue],
    arms: Sequence[Planned],
    rows: pd.DataFrame,
    verdicts: pd.DataFrame,
    clearances: pd.DataFrame | None,
    symptoms: pd.DataFrame | None,
    parameters: dict[str, Any],
    bench: Bench,
    facts: Mapping[str, object],
) -> AuditFindings:
    """Everything for the report, from what is on disk: nothing is trained here that was not."""
    both = baselines(catalogue, parameters)
    verdicts = with_texts(verdicts, ("says", "answer", "better", "reason"))
    if symptoms is not None:
        symptoms = pd.concat(
            [with_texts(symptoms, ("names", "cause", "company", "codec", "issue")), of_arms(rows)], ignore_index=True
        )
    named: dict[str, dict[str, Any]] = {
        ALIGNED: both[ALIGNED],
        AS_FOUND: both[AS_FOUND],
        "aligned on mdct": mdct_parameters(both[ALIGNED]),
        "aligned on a random VAE": random_parameters(both[ALIGNED]),
    }
    named |= {
        f"{arm.issue.id}: {arm.arm}": arm.parameters for arm in arms if arm.acts_in == "training" and arm.design == "add_one"
    }
    trainings = {name: found for name, p in named.items() if (found := _finished(bench.at_seed(p, 0), bench)) is not None}
    curves = {}
    for name, trained in trainings.items():
        columns = [column for column in ("step", "loss") if column in trained.curve]
        curves[name] = trained.curve[columns].merge(gradient_curve(trained.curve), on="step", how="left")
    floors = {name: float(trained.summary["yardsticks"]["yardstick/z_l"]) for name, trained in trainings.items()}
    known = {
        "dataset version": bench.data.version,
        "pairs": described(bench.data.pairs),
        "budget": parameters["audit"]["budget"],
        "seeds": bench.seeds,
        "training steps": both[ALIGNED]["fit"]["steps"],
        "codec": both[ALIGNED]["model"]["codec"]["name"],
        "backbone": "{embed_dim} wide, {depth} deep".format(**both[ALIGNED]["model"]["backbone"]),
        "code that decides (hash)": code_version(),
        "cutoff of the example, Hz": 1000 * bench.data.pairs[0].cutoff_khz if bench.data.pairs else "",
    }
    minutes = rows.dropna(subset=["seconds"]).groupby("issue")["seconds"].sum() / 60
    scale = "the paper's scale" if both[ALIGNED]["model"]["codec"]["name"] == "autoencoder" else "embedded scale"
    return AuditFindings(
        issues=issues,
        arms=arms,
        verdicts=verdicts,
        rows=rows,
        symptoms=symptoms,
        clearances=clearances,
        curves=curves,
        floors=floors,
        sounds={issue.id: _sounds(issue, arms, both[ALIGNED], bench) for issue in issues},
        hours=full_hours(arms, parameters, bench, both[ALIGNED]),
        minutes={str(name): float(value) for name, value in minutes.items()},
        facts={**known, **facts},
        scale=scale,
        code=str(facts.get("git revision", ""))[:12] or code_version(),
    )


def _finished(parameters: dict[str, Any], bench: Bench) -> Trained | None:
    """The training of a configuration if it is there."""
    folder = training_folder(bench.models, training_key(parameters, bench.data.version))
    return bench.trained(parameters, "") if (folder / SUMMARY).exists() else None


def _sounds(issue: Issue, arms: Sequence[Planned], aligned: dict[str, Any], bench: Bench) -> dict[str, np.ndarray]:
    """The first pair's input, reference, aligned output and this issue's outputs (four panels at most)."""
    if not bench.data.pairs:
        return {}
    found: dict[str, np.ndarray] = {}
    wanted = {ALIGNED: aligned} | {
        arm.arm: arm.parameters for arm in arms if arm.issue.id == issue.id and arm.design == "add_one" and not arm.impossible
    }
    for name, parameters in wanted.items():
        key = score_key(bench.at_seed(parameters, 0), bench.data, 0)
        path = bench.sounds / f"{key[:20]}.flac"
        if path.exists():
            found[name] = read_audio(path)[0]
    if len(found) < 2:
        return {}
    pair = bench.data.pairs[0]
    arms_first = dict(list(found.items())[:4])
    return {"input": pair.low, **arms_first, "reference": pair.reference}


def with_texts(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The table with empty texts where a CSV file could not tell them from missing numbers."""
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in names})


def report_name(wanted: str) -> str:
    """``audit`` for all issues, ``audit_<ids>`` for some."""
    return "audit" if wanted == "all" else "audit_" + re.sub(r"[^\w]+", "_", wanted)


def seconds_spent(rows: pd.DataFrame) -> float:
    """Of computing, in the arms that finished."""
    return float(rows[rows["status"] == DONE]["seconds"].sum())
