"""The bench of an audit: each configuration is trained once and scored once, in processes side by side.

Arms of one seed share what they do not change: the draws (read, low-passed, encoded) are on disk once for all configurations
that agree on them, a training serves every arm that only samples or measures otherwise.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saga_kedro.audit.configurations import changed, serves_as
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.records import Records, code_version
from saga_kedro.audit.runs import Runs
from saga_kedro.audit.scoring import score
from saga_kedro.audit.training import LATENTS, Trained, gradient_curve, probe, train, training_folder, training_key
from saga_kedro.files import parameter_hash
from saga_kedro.parallel import parallel_map
from saga_kedro.parallel.worker import one_thread
from saga_kedro.training.folder import SUMMARY

CURVE_NAMES = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "val/loss": "val/loss",
    "true_norm": "train/grad_norm",
    "loss_scaled": "train/grad_norm_as_logged",
}
Wanted = tuple[dict[str, Any], int]
"""A configuration and a seed of sampling."""


@dataclass
class Bench:
    """What every arm is run with.

    Attributes:
        data: shared by all arms.
        records: of this audit.
        models: folder of the trainings.
        sounds: folder of example outputs.
        seeds: of sampling, or the most trainings that an arm gets.
        retrain: each seed has a training of its own (budget ``full``).
        runs: MLflow; None logs nowhere. Only the process that calls writes to it.
        parents: issue id -> parent run.
    """

    data: AuditData
    records: Records
    models: Path
    sounds: Path
    seeds: int
    retrain: bool
    runs: Runs | None = None
    parents: dict[str, str] = field(default_factory=dict)
    _trained: dict[str, Trained] = field(default_factory=dict)

    def at_seed(self, parameters: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """The configuration of one seed: another training seed where arms are trained anew."""
        return changed(parameters, {"seed": parameters["seed"] + seed} if self.retrain else {})

    def prepare(self, wanted: Iterable[Wanted], describe: str) -> None:
        """Train and score what is missing, a training and its scores a task, as many tasks at once as there are cores.

        A task that kills its worker three times is what a crash is: its arm's result.

        Args:
            wanted: configurations and seeds of sampling; what is on disk, in any of them, is not done again.
            describe: the progress bar's text.
        """
        tasks: dict[str, list[Wanted]] = {}
        for parameters, seed in wanted:
            key = training_key(parameters, self.data.version)
            record = self.records.get("score", score_key(parameters, self.data, seed))
            if record is None or not (record["error"] or self._finished(key)):
                tasks.setdefault(key, []).append((parameters, seed))

        def lost(task: Sequence[Wanted], reason: str) -> None:
            for parameters, seed in task:
                self.records.put("score", score_key(parameters, self.data, seed), {"error": reason, "seconds": 0.0})

        self._side_by_side(run_task, list(tasks.values()), describe, lost)
        shutil.rmtree(self.models / LATENTS, ignore_errors=True)  # the next seed has other draws

    def probe(self, configurations: Iterable[dict[str, Any]]) -> None:
        """Take the first steps of configurations whose record of them is missing."""
        keys = {training_key(parameters, self.data.version): parameters for parameters in configurations}
        missing = [parameters for key, parameters in keys.items() if self.records.get("probe", key) is None]

        def lost(parameters: dict[str, Any], reason: str) -> None:
            key = training_key(parameters, self.data.version)
            self.records.put("probe", key, {"losses": [], "weights": "", "error": reason})

        self._side_by_side(run_probe, missing, "first steps of every arm", lost)

    def _side_by_side(self, function: Any, items: Sequence[Any], describe: str, lost: Callable[[Any, str], None]) -> None:
        alone = Bench(self.data, self.records, self.models, self.sounds, self.seeds, self.retrain)
        parallel_map(function, items, describe, gpu=True, lost=lost, bench=alone)

    def _finished(self, key: str) -> bool:
        return (training_folder(self.models, key) / SUMMARY).exists()

    def finished(self, parameters: dict[str, Any]) -> Trained | None:
        """The training of a configuration if it is there."""
        return self.trained(parameters, "") if self._finished(training_key(parameters, self.data.version)) else None

    def trained(self, parameters: dict[str, Any], name: str) -> Trained:
        """The training of a configuration, run now if need be.

        Args:
            parameters: of the arm.
            name: that MLflow shows.
        """
        key = training_key(parameters, self.data.version)
        if key not in self._trained:
            self._trained[key] = train(parameters, self.data, self.models)
            if self.runs is not None and name:
                tags = {"audit.issue": "trainings", "audit.arm": name, "audit.training": key[:12], "audit.code": code_version()}
                run_id, new = self.runs.open(f"train {key}", f"training: {name}", tags, {"seed": parameters["seed"]})
                if new:
                    log_training(self.runs, run_id, self._trained[key])
                    self.runs.log(run_id, self._trained[key].summary["yardsticks"])
                    self.runs.finish(run_id)
        return self._trained[key]

    def run_id_of(self, trained: Trained) -> str:
        return self.runs.known.get(f"train {trained.key}", "") if self.runs else ""

    def scored(self, parameters: dict[str, Any], seed: int, name: str) -> dict[str, Any]:
        """The record of a configuration's outputs at one seed of sampling."""
        key = score_key(parameters, self.data, seed)
        record = self.records.get("score", key)
        if record is None:
            example = self.sound(key) if seed == 0 else None
            record = score(lambda: self.trained(parameters, name), parameters, self.data, seed, example)
            record = self.records.put("score", key, record)
        return record

    def sound(self, key: str) -> Path:
        """Where the example output of a `score_key` is, if it was written."""
        return self.sounds / f"{key[:20]}.flac"

    def probed(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The record of a configuration's first steps."""
        key = training_key(parameters, self.data.version)
        return self.records.get("probe", key) or self.records.put("probe", key, probe(parameters, self.data))


def score_key(parameters: Mapping[str, Any], data: AuditData, seed: int) -> str:
    """Hash of all that decides a configuration's outputs and their numbers."""
    return parameter_hash("score", serves_as(parameters), data.version, data.pairs_version, seed, code_version())


def log_training(runs: Runs, run_id: str, trained: Trained) -> None:
    """A training's curves in a run: losses, true gradient norms, and the norm as the failing code logs it."""
    runs.log_curve(run_id, trained.curve, CURVE_NAMES)
    runs.log_curve(run_id, gradient_curve(trained.curve), {"loss_scaled": CURVE_NAMES["loss_scaled"]})


def run_task(task: Sequence[Wanted], bench: Bench) -> None:
    """Train one configuration, and score it in every way that is wanted."""
    with alone():
        for parameters, seed in task:
            bench.trained(parameters, "")
            bench.scored(parameters, seed, "")


def run_probe(parameters: dict[str, Any], bench: Bench) -> None:
    """Take a configuration's first steps."""
    with alone():
        bench.probed(parameters)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One thread, so that numbers are the same however many tasks run beside this one; and only the driver shows progress."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with one_thread(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield
