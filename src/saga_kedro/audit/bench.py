"""The bench of an audit: each configuration is trained and scored once, in parallel processes, for all arms that need it."""

import contextlib
import io
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from saga_kedro import stages
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.records import Records
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.scoring import score
from saga_kedro.audit.training import LATENTS, Trained, probe, train, training_key
from saga_kedro.parallel import parallel_map
from saga_kedro.parallel.worker import one_thread
from saga_kedro.parameters import Parameters, changed
from saga_kedro.training.folder import SUMMARY

Wanted = tuple[Parameters, int]
"""A configuration and a seed of sampling."""


@dataclass
class Bench:
    """What every arm is run with."""

    data: AuditData
    records: Records
    models: Path  # of trainings
    sounds: Path  # of example outputs
    seeds: int  # of sampling, or the most trainings that an arm gets
    retrain: bool  # each seed has its own training (budget ``full``)
    runs: Runs | None = None  # MLflow, written to only by the calling process; None logs nowhere
    _trained: dict[str, Trained] = field(default_factory=dict)

    def at_seed(self, parameters: Parameters, seed: int) -> Parameters:
        """The configuration of one seed: another training seed where each seed is a training."""
        return changed(parameters, {"seed": parameters.seed + seed}) if self.retrain else parameters

    def score_key(self, parameters: Parameters, seed: int) -> str:
        """The key of a configuration's outputs and their numbers at one seed of sampling."""
        return stages.key("audit_score", parameters, f"{self.data.version} {self.data.pairs_version} {seed}")

    def prepare(self, wanted: Iterable[Wanted], describe: str) -> None:
        """Train and score the ``wanted`` configurations that are not on disk, a training and its scores a task, on all cores.

        If a task kills its worker, the others finish and the run ends. Nothing is stored for it: memory may have run out.
        """
        tasks: dict[str, list[Wanted]] = {}
        for parameters, seed in wanted:
            record = self.records.get("score", self.score_key(parameters, seed))
            if record is None or not (record["error"] or self._is_trained(parameters)):
                tasks.setdefault(training_key(parameters, self.data.version), []).append((parameters, seed))
        self._side_by_side(run_task, list(tasks.values()), describe)
        shutil.rmtree(self.models / LATENTS, ignore_errors=True)  # the next seed has other draws

    def probe(self, configurations: Iterable[Parameters]) -> None:
        """Take the first steps of configurations whose record of them is missing."""
        by_key = {training_key(parameters, self.data.version): parameters for parameters in configurations}
        missing = [parameters for key, parameters in by_key.items() if self.records.get("probe", key) is None]
        self._side_by_side(run_probe, missing, "first steps of every arm")

    def _side_by_side(self, function: Any, items: Sequence[Any], describe: str) -> None:
        parallel_map(function, items, describe, gpu=True, bench=replace(self, runs=None, _trained={}))

    def _is_trained(self, parameters: Parameters) -> bool:
        return (self.models / training_key(parameters, self.data.version)[:12] / SUMMARY).exists()

    def finished(self, parameters: Parameters) -> Trained | None:
        """The training of a configuration if it is on disk."""
        return self.trained(parameters) if self._is_trained(parameters) else None

    def trained(self, parameters: Parameters, name: str = "") -> Trained:
        """The training of a configuration, run now if need be; MLflow shows it if it has a ``name``."""
        key = training_key(parameters, self.data.version)
        if key not in self._trained:
            self._trained[key] = train(parameters, self.data, self.models)
            if self.runs is not None and name:
                self.runs.log_training(self._trained[key], name, parameters.seed)
        return self._trained[key]

    def scored(self, parameters: Parameters, seed: int) -> dict[str, Any]:
        """The record of a configuration's outputs at one seed of sampling."""
        key = self.score_key(parameters, seed)
        record = self.records.get("score", key)
        if record is None:
            example = self.sound(parameters, seed) if seed == 0 else None
            record = self.records.put("score", key, score(self.trained(parameters), parameters, self.data, seed, example))
        return record

    def sound(self, parameters: Parameters, seed: int = 0) -> Path:
        """Where the example output of a configuration is, if it was written."""
        return self.sounds / f"{self.score_key(parameters, seed)[:20]}.flac"

    def probed(self, parameters: Parameters) -> dict[str, Any]:
        """The record of a configuration's first steps."""
        key = training_key(parameters, self.data.version)
        return self.records.get("probe", key) or self.records.put("probe", key, probe(parameters, self.data))


def run_task(task: Sequence[Wanted], bench: Bench) -> None:
    """Train one configuration, and score it at every seed that is wanted."""
    with alone():
        for parameters, seed in task:
            bench.trained(parameters)
            bench.scored(parameters, seed)


def run_probe(parameters: Parameters, bench: Bench) -> None:
    with alone():
        bench.probed(parameters)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One thread, so that numbers do not depend on the tasks beside this one; only the calling process shows progress."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with one_thread(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield
