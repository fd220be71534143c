"""`saga diagnose`: puts a person's numbers and files together and says what fits, on the console, as JSON or as a page."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saga_kedro.diagnosis.files import of_config, of_tensors, read_checkpoint, read_config
from saga_kedro.diagnosis.numbers import Evidence, causes, yardsticks
from saga_kedro.diagnosis.words import markdown


def diagnose(
    evidence: Evidence, run_id: str | None = None, tracking: str | None = None, curves: Path | None = None,
    config: Path | None = None, checkpoint: Path | None = None, outputs: Path | None = None, references: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Yardsticks, and causes that fit, most likely first.

    Args:
        evidence: numbers that were given; they go before those of a run or a curve.
        run_id, tracking: MLflow run whose numbers and curves are taken, and its store.
        curves: CSV or TensorBoard event file; its curves go before a run's.
        config: model configuration of stable-audio-tools.
        checkpoint: .safetensors or PyTorch file.
        outputs, references: folders of audio of the same names.

    Returns:
        ``yardsticks`` and ``causes``: lists of dictionaries; a cause has ``confirm``, the command that would confirm it.
        ``curves``: of `saga_kedro.diagnosis.curves`; ``outputs``: of `measure_outputs`, empty without.

    Raises:
        ValueError: nothing was given, a file, folder or run is missing or broken, an unknown distribution of t.
    """
    if (outputs is None) != (references is None):
        raise ValueError("--outputs and --references go together: folders of outputs and of references of the same names.")
    seen: dict[str, Any] = {}
    if run_id or curves:
        from saga_kedro.diagnosis.curves import joined, of_curves, of_run, read_curves
    if run_id:
        of_a_run, seen = of_run(run_id, tracking)
        evidence = joined(evidence, of_a_run)
    if curves:
        seen |= read_curves(curves)
        evidence = joined(evidence, of_curves(seen))
    if evidence == Evidence(timesteps=evidence.timesteps) and not (config or checkpoint or outputs):
        numbers = "a number (--loss, --lsd, --sdr, --grad-norm)"
        raise ValueError(f"There is nothing to go by: give {numbers}, --run, --curves, --config, --checkpoint or --outputs.")
    measured: dict[str, Any] = {}
    found = [("numbers", causes(evidence))]
    if config:
        found.append((config.name, of_config(read_config(config))))
    if checkpoint:
        found.append((checkpoint.name, of_tensors(read_checkpoint(checkpoint))))
    if outputs and references:
        from saga_kedro.diagnosis.faults import of_outputs
        from saga_kedro.diagnosis.outputs import measure_outputs

        measured = measure_outputs(outputs, references)
        found.append((outputs.name, of_outputs(measured["files"], evidence)))
    lines = [{"seen_in": where, **asdict(cause), "confirm": cause.confirm} for where, part in found for cause in part]
    return {
        "yardsticks": [asdict(yardstick) for yardstick in yardsticks(evidence)],
        "causes": sorted(lines, key=lambda line: -line["likelihood"]),
        "curves": seen,
        "outputs": measured,
    }


def as_json(found: dict[str, Any]) -> str:
    """A diagnosis as JSON, without the curves' points; what is missing is null."""
    lines = {name: value for name, value in found.items() if name != "curves"}
    if found["outputs"]:
        lines["outputs"] = found["outputs"] | {"files": json.loads(found["outputs"]["files"].to_json(orient="records"))}
    return json.dumps(lines, indent=2, ensure_ascii=False)


def show(found: dict[str, Any]) -> None:
    """Print a diagnosis, for people: the page without its pictures and without every single output."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(markdown(found)))
    if found["outputs"]:
        from saga_kedro.diagnosis.page import outputs
        from saga_kedro.reporting.blocks import Details, Report, Section
        from saga_kedro.reporting.markdown import render_markdown

        shown = [block for block in outputs(found) if not isinstance(block, Details)]
        console.print(Markdown(render_markdown(Report("", "", [Section("Your outputs", shown)]), "")[0].split("\n", 2)[2]))
