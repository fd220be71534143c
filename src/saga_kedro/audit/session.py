"""An audit from parameters and tables: what to do, and with which data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from saga_kedro.audit.bench import Bench, alone
from saga_kedro.audit.checkpoint import TEXT_TO_AUDIO, write_checkpoint
from saga_kedro.audit.data import AuditData, choose_clips, choose_pairs, read_pairs
from saga_kedro.audit.issues import Catalogue, Issue, choose, read_catalogue
from saga_kedro.audit.plan import ALIGNED, Planned, aligned_of, baselines, plan
from saga_kedro.audit.records import Records
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.training import training_key
from saga_kedro.corpora.pairs import find_pairs
from saga_kedro.evaluation.model_scores import with_prompts
from saga_kedro.evaluation.pairs import pairs_from_table
from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Parameters, changed
from saga_kedro.training.encode import encode_captions, read_states

STARTING_WEIGHTS = "start"  # the issue that needs a checkpoint


@dataclass(frozen=True)
class Audit:
    """The audit of some issues."""

    parameters: Parameters
    catalogue: Catalogue
    issues: list[Issue]
    arms: list[Planned]
    bench: Bench
    report: Path  # of the page, without a suffix

    @property
    def whole(self) -> bool:
        """Are all issues asked for? Then symptoms, clearances and the ladder are measured too."""
        return self.parameters.audit.issue == "all"

    @cached_property
    def baselines(self) -> dict[str, Parameters]:
        """The aligned configuration and the failing code's, at the first seed."""
        return baselines(self.catalogue, self.parameters)

    @property
    def ladder_aligned(self) -> Parameters:
        """The aligned configuration as the ladder trains it: longer than the arms, or another network."""
        audit = self.parameters.audit
        return changed(self.baselines[ALIGNED], audit.budgets[audit.budget].ladder)

    @property
    def trainings(self) -> int:
        """The most trainings that an arm may get: 1 where the seeds are of sampling."""
        return self.bench.seeds if self.bench.retrain else 1


def folders(**paths: Path) -> dict[str, Path]:
    """The folders that an audit works in, by name."""
    return paths


def open_audit(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    pairs: pd.DataFrame,
    pair_captions: pd.DataFrame,
    data_version: str,
    parameters: Parameters,
    issues_file: str | Path,
    folders: Mapping[str, str],
    experiment: str | None,
) -> Audit:
    """Plan an audit, then read the data that its arms share; errors of `choose` and `plan` come before anything is read.

    ``clips`` are of training and validation, ``pairs`` of the test split. ``folders`` are of `folders`; its ``pairs`` is for
    those of ``audit.pairs``, resampled. An ``experiment`` of None logs nowhere.
    """
    audit = parameters.audit
    budget = audit.budgets[audit.budget]
    catalogue = read_catalogue(issues_file)
    issues = choose(catalogue, audit.issue)
    models, version = Path(folders["models"]), parameter_hash(data_version, budget.segments_per_category)
    pretrained = None
    if budget.train and audit.checkpoint is None and any(issue.id == STARTING_WEIGHTS for issue in issues):
        pretrained = changed(aligned_of(parameters), TEXT_TO_AUDIO)
        checkpoint = models / f"checkpoint-{training_key(pretrained, version)[:12]}"
        parameters = changed(parameters, {"audit.checkpoint": checkpoint.as_posix()})
    arms = plan(catalogue, issues, parameters)
    index = encode_captions(captions["caption"], parameters.model.text, folders["text_states"])
    per_category, seconds = budget.pairs_per_category, budget.excerpt_seconds
    chosen = choose_pairs(with_prompts(pairs, pair_captions), per_category, seconds)
    if audit.pairs:
        table, _ = find_pairs(audit.pairs, pattern=parameters.ingest.pattern, cutoff_khz=parameters.ingest.cutoff_khz)
        given, _ = pairs_from_table(table, folders["pairs"])
        chosen = pd.concat([chosen, choose_pairs(given, per_category, seconds)], ignore_index=True)
    states = read_states(index, folders["text_states"])
    trained_on = choose_clips(clips, budget.segments_per_category)
    data = AuditData(trained_on, captions, states, version, *read_pairs(chosen, seconds))
    if pretrained is not None:
        with alone():
            write_checkpoint(pretrained, data, models, checkpoint)
    records, runs = Path(folders["records"]), Runs(experiment) if experiment else None
    seeds = audit.seeds or budget.seeds
    bench = Bench(data, Records(records), models, records / "sounds", seeds, retrain=budget.train, runs=runs)
    name = "audit" if audit.issue == "all" else "audit_" + re.sub(r"[^\w]+", "_", audit.issue)
    return Audit(parameters, catalogue, issues, arms, bench, Path(folders["report"]) / name)
