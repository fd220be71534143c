"""`saga diagnose`: which causes fit a person's numbers and files."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from saga_kedro.diagnosis.files import of_config, of_tensors, read_checkpoint, read_config
from saga_kedro.diagnosis.numbers import Cause, Evidence, Yardstick, causes, yardsticks


@dataclass(frozen=True)
class Diagnosis:
    """What fits."""

    yardsticks: list[Yardstick]
    causes: list[Cause]  # most likely first
    curves: dict[str, Any]  # of `diagnosis.curves`
    outputs: dict[str, Any]  # of `diagnosis.outputs.measure_outputs`, empty without outputs


def diagnose(
    evidence: Evidence, run_id: str | None = None, tracking: str | None = None, curves: Path | None = None,
    config: Path | None = None, checkpoint: Path | None = None, outputs: Path | None = None, references: Path | None = None,
) -> Diagnosis:  # fmt: skip
    """Yardsticks, and causes that fit. Given numbers override those of a curve, and these override a run's.

    ``tracking`` is the store of the run; ``outputs`` and ``references`` are folders of audio of the same names. ValueError if
    nothing was given, a file, folder or run is missing or broken, or the distribution of t is unknown.
    """
    if (outputs is None) != (references is None):
        raise ValueError("--outputs and --references go together: folders of outputs and of references of the same names.")
    drawn: dict[str, Any] = {}
    if run_id or curves:
        from saga_kedro.diagnosis.curves import joined, of_curves, of_run, read_curves
    if run_id:
        of_a_run, drawn = of_run(run_id, tracking)
        evidence = joined(evidence, of_a_run)
    if curves:
        drawn |= read_curves(curves)
        evidence = joined(evidence, of_curves(drawn))
    if evidence == Evidence(timesteps=evidence.timesteps) and not (config or checkpoint or outputs):
        numbers = "a number (--loss, --lsd, --sdr, --grad-norm)"
        raise ValueError(f"There is nothing to go by: give {numbers}, --run, --curves, --config, --checkpoint or --outputs.")
    measured: dict[str, Any] = {}
    found = causes(evidence)
    if config:
        found += [replace(cause, seen_in=config.name) for cause in of_config(read_config(config))]
    if checkpoint:
        found += [replace(cause, seen_in=checkpoint.name) for cause in of_tensors(read_checkpoint(checkpoint))]
    if outputs and references:
        from saga_kedro.diagnosis.outputs import VARIANTS, measure_outputs, of_outputs

        measured = measure_outputs(outputs, references, with_variants=evidence.lsd is not None)
        found += [replace(cause, seen_in=outputs.name) for cause in of_outputs(measured["files"], evidence)]
        measured["files"] = measured["files"].drop(columns=VARIANTS, errors="ignore")
    found.sort(key=lambda cause: -cause.likelihood)
    return Diagnosis(yardsticks(evidence), found, drawn, measured)


def as_json(found: Diagnosis) -> str:
    """A diagnosis as JSON, without the curves' points; a missing value is null."""
    outputs = dict(found.outputs)
    if outputs:
        outputs["files"] = json.loads(outputs["files"].to_json(orient="records"))
    lines = [{"seen_in": cause.seen_in} | asdict(cause) | {"confirm": cause.confirm} for cause in found.causes]
    answer = {"yardsticks": [asdict(line) for line in found.yardsticks], "causes": lines, "outputs": outputs}
    return json.dumps(answer, indent=2, ensure_ascii=False)
