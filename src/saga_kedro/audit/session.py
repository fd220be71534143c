"""An audit from parameters and tables: what is to be done, with which data, and what its report shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio.io import read_audio
from saga_kedro.audit.bench import Bench, alone, score_key
from saga_kedro.audit.checkpoint import TEXT_TO_AUDIO, write_checkpoint
from saga_kedro.audit.configurations import changed
from saga_kedro.audit.data import AuditData, choose_clips, choose_pairs, described, read_pairs
from saga_kedro.audit.issues import Catalogue, Issue, choose, read_catalogue
from saga_kedro.audit.plan import ALIGNED, Planned, baselines, plan
from saga_kedro.audit.records import Records, code_version
from saga_kedro.audit.report import AuditFindings
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.training import Trained, gradient_curve, training_key
from saga_kedro.corpora.pairs import find_pairs
from saga_kedro.evaluation.model_scores import with_prompts
from saga_kedro.evaluation.pairs import pairs_from_table
from saga_kedro.files import parameter_hash
from saga_kedro.training.text_states import encode_captions, read_states

STARTS = "start"  # the issue that needs a checkpoint
SCORING = 1.3  # what a training costs with its scores and validation, against its steps alone


@dataclass(frozen=True)
class Audit:
    """One audit: what is asked for, and the bench that it is run on.

    Attributes:
        parameters: all of them.
        catalogue: all issues.
        issues: those that are asked for.
        arms: their arms, as planned.
        bench: data, records, trainings.
        report: where the report goes, without a suffix.
    """

    parameters: dict[str, Any]
    catalogue: Catalogue
    issues: list[Issue]
    arms: list[Planned]
    bench: Bench
    report: Path

    @property
    def whole(self) -> bool:
        """Are all issues asked for? Then symptoms, clearances and the ladder are measured too."""
        return self.parameters["audit"]["issue"] == "all"

    @cached_property
    def baselines(self) -> dict[str, dict[str, Any]]:
        """The aligned configuration and the failing code's, at the first seed."""
        both = baselines(self.catalogue, self.parameters)
        return {name: self.bench.at_seed(parameters, 0) for name, parameters in both.items()}

    @property
    def trainings(self) -> int:
        """The most trainings that an arm may get: 1 where the seeds are of sampling."""
        return self.bench.seeds if self.bench.retrain else 1

    def hours_per_training(self) -> float:
        """Hours that a training of budget ``full`` takes with its scores, at the speed of the aligned baseline here; NaN if
        that was not trained."""
        full = self.parameters["audit"]["budgets"].get("full")
        trained = self.bench.finished(self.baselines[ALIGNED])
        if full is None or trained is None:
            return float("nan")
        per_step = trained.summary["seconds"] / trained.summary["steps"]
        return SCORING * per_step * full["set"].get("fit.steps", self.parameters["fit"]["steps"]) / 3600


def open_audit(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: dict[str, Any],
    issues_file: str | Path,
    folders: Mapping[str, str],
    experiment: str | None,
) -> Audit:
    """Plan an audit and read what its arms share.

    Args:
        clips, captions: of training and validation.
        pairs, pair_captions: of the test split; ``audit.pairs`` names a folder of further pairs.
        data_version: of the clips.
        parameters: all of them.
        issues_file: YAML with the issues.
        folders: ``text_states``, ``pairs`` (where given ones are resampled to), ``models``, ``records``, ``report``.
        experiment: of MLflow; None logs nowhere.

    Raises:
        UnknownIssue, ValueError: as `choose` and `plan` say, before anything is read.
    """
    audit = parameters["audit"]
    budget = audit["budgets"][audit["budget"]]
    catalogue = read_catalogue(issues_file)
    issues = choose(catalogue, audit["issue"])
    models, version = Path(folders["models"]), parameter_hash(data_version, budget["segments_per_category"])
    pretrained = None
    if budget["train"] and audit["checkpoint"] is None and any(issue.id == STARTS for issue in issues):
        pretrained = changed(baselines(catalogue, parameters)[ALIGNED], TEXT_TO_AUDIO)
        checkpoint = models / f"checkpoint-{training_key(pretrained, version)[:12]}"
        parameters = changed(parameters, {"audit.checkpoint": checkpoint.as_posix()})
    arms = plan(catalogue, issues, parameters)
    index = encode_captions(captions["caption"], parameters["model"]["text"], folders["text_states"])
    per_category, seconds = budget["pairs_per_category"], budget["excerpt_seconds"]
    chosen = choose_pairs(with_prompts(pairs, pair_captions), per_category, seconds)
    if audit["pairs"]:
        ingest = parameters["ingest"]
        table, _ = find_pairs(audit["pairs"], pattern=ingest["pattern"], cutoff_khz=ingest["cutoff_khz"])
        given, _ = pairs_from_table(table, folders["pairs"])
        chosen = pd.concat([chosen, choose_pairs(given, per_category, seconds)], ignore_index=True)
    states = read_states(index, folders["text_states"])
    trained_on = choose_clips(clips, budget["segments_per_category"])
    data = AuditData(trained_on, captions, states, version, *read_pairs(chosen, seconds))
    if pretrained is not None:
        with alone():
            write_checkpoint(pretrained, data, models, checkpoint)
    bench = Bench(
        data=data,
        records=Records(folders["records"]),
        models=models,
        sounds=Path(folders["records"]) / "sounds",
        seeds=audit["seeds"] or budget["seeds"],
        retrain=budget["train"],
        runs=Runs(experiment) if experiment else None,
    )
    return Audit(parameters, catalogue, issues, arms, bench, Path(folders["report"]) / report_name(audit["issue"]))


def collect(
    audit: Audit,
    rows: pd.DataFrame,
    verdicts: pd.DataFrame,
    clearances: pd.DataFrame,
    symptoms: pd.DataFrame,
    ladder: pd.DataFrame,
    facts: Mapping[str, object],
) -> AuditFindings:
    """Everything for the report, from what is on disk: nothing is trained here that was not.

    Args:
        audit: of `open_audit`.
        rows, verdicts, clearances, symptoms, ladder: what was found; the last three are empty where only some issues are asked
            for.
        facts: name -> value, beside those of the audit.
    """
    bench, aligned = audit.bench, audit.baselines[ALIGNED]
    named = {
        **audit.baselines,
        **{
            f"{arm.issue.id}: {arm.arm}": bench.at_seed(arm.parameters, 0)
            for arm in audit.arms
            if arm.acts_in == "training" and arm.design == "add_one"
        },
    }
    trainings = {name: found for name, p in named.items() if (found := bench.finished(p)) is not None}
    known = {
        "dataset version": bench.data.version,
        "pairs": described(bench.data.pairs),
        "budget": audit.parameters["audit"]["budget"],
        "trainings of an arm, at most": audit.trainings,
        "training steps": aligned["fit"]["steps"],
        "codec": aligned["model"]["codec"]["name"],
        "backbone": "{embed_dim} wide, {depth} deep".format(**aligned["model"]["backbone"]),
        "code that decides (hash)": code_version(),
        "cutoff of the example, Hz": 1000 * bench.data.pairs[0].cutoff_khz if bench.data.pairs else "",
    }
    minutes = rows.dropna(subset=["seconds"]).groupby("issue")["seconds"].sum() / 60
    return AuditFindings(
        issues=audit.issues,
        arms=audit.arms,
        verdicts=with_texts(verdicts, ("says", "kind", "better", "symptom", "reason")),
        rows=rows,
        symptoms=with_texts(symptoms, ("names", "issue", "cause", "company")) if len(symptoms) else None,
        clearances=clearances if len(clearances) else None,
        ladder=with_texts(ladder, ("says", "symptoms", "sound")) if len(ladder) else None,
        curves={name: with_norms(trained) for name, trained in trainings.items()},
        floors={name: float(trained.summary["yardsticks"]["yardstick/z_l"]) for name, trained in trainings.items()},
        sounds={issue.id: _sounds(issue, audit.arms, aligned, bench) for issue in audit.issues},
        minutes={str(name): float(value) for name, value in minutes.items()},
        facts={**known, **facts},
        scale="the paper's scale" if aligned["model"]["codec"]["name"] == "autoencoder" else "embedded scale",
        code=str(facts.get("git revision", ""))[:12] or code_version(),
    )


def with_norms(trained: Trained) -> pd.DataFrame:
    """A training's curve: step, loss, true_norm, loss_scaled."""
    columns = [column for column in ("step", "loss") if column in trained.curve]
    return trained.curve[columns].merge(gradient_curve(trained.curve), on="step", how="left")


def _sounds(issue: Issue, arms: Sequence[Planned], aligned: dict[str, Any], bench: Bench) -> dict[str, np.ndarray]:
    """The first pair's input, reference, aligned output and this issue's outputs (four panels at most)."""
    if not bench.data.pairs:
        return {}
    found: dict[str, np.ndarray] = {}
    wanted = {ALIGNED: aligned} | {
        arm.arm: bench.at_seed(arm.parameters, 0)
        for arm in arms
        if arm.issue.id == issue.id and arm.design == "add_one" and not arm.impossible
    }
    for name, parameters in wanted.items():
        path = bench.sound(score_key(parameters, bench.data, 0))
        if path.exists():
            found[name] = read_audio(path)[0]
    if len(found) < 2:
        return {}
    pair = bench.data.pairs[0]
    return {"input": pair.low, **dict(list(found.items())[:4]), "reference": pair.reference}


def with_texts(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The table with empty texts where a CSV file could not tell them from missing numbers."""
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in names})


def report_name(wanted: str) -> str:
    """``audit`` for all issues, ``audit_<ids>`` for some."""
    return "audit" if wanted == "all" else "audit_" + re.sub(r"[^\w]+", "_", wanted)
