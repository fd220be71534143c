"""`saga diagnose`: puts a person's numbers and files together and prints what fits."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saga_kedro.audit.diagnosis.files import of_checkpoint, of_config, read_config
from saga_kedro.audit.diagnosis.numbers import Cause, Evidence, causes, joined, of_run, yardsticks


def diagnose(
    evidence: Evidence, run_id: str | None = None, config: Path | None = None, checkpoint: Path | None = None
) -> dict[str, Any]:
    """Yardsticks, and causes that fit, most likely first.

    Args:
        evidence: numbers that were given.
        run_id: MLflow run whose numbers are taken where none was given.
        config: model configuration of stable-audio-tools.
        checkpoint: .safetensors or PyTorch file.

    Returns:
        ``yardsticks`` and ``causes``: lists of dictionaries; a cause has ``confirm``, the command that would confirm it.

    Raises:
        ValueError: nothing was given, a file or run is missing or broken, an unknown distribution of t.
    """
    if run_id:
        _look_into_project()
        evidence = joined(evidence, of_run(run_id))
    if evidence == Evidence(timesteps=evidence.timesteps) and not (config or checkpoint):
        raise ValueError(
            "There is nothing to go by: give a number (--loss, --lsd, --sdr, --grad-norm), --run, --config or --checkpoint."
        )
    found: list[tuple[str, Cause]] = [("numbers", cause) for cause in causes(evidence)]
    if config:
        found += [(config.name, cause) for cause in of_config(read_config(config))]
    if checkpoint:
        found += [(checkpoint.name, cause) for cause in of_checkpoint(checkpoint)]
    found.sort(key=lambda pair: -pair[1].likelihood)
    return {
        "yardsticks": [asdict(yardstick) for yardstick in yardsticks(evidence)],
        "causes": [{"seen_in": where, **asdict(cause), "confirm": cause.confirm} for where, cause in found],
    }


def _look_into_project() -> None:
    """Lets MLflow look into the project around this folder, unless the person has named another place."""
    import os

    import mlflow

    from saga_kedro.configuration import find_project

    project = find_project(Path.cwd())
    if project is not None and "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri(f"sqlite:///{project.as_posix()}/mlruns/mlflow.db")


def show(found: dict[str, Any], as_json: bool) -> None:
    """Print a diagnosis, for people or as JSON."""
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if found["yardsticks"]:
        table = Table(title="Yardsticks", title_justify="left")
        for column in ("what", "value", "meaning"):
            table.add_column(column, overflow="fold")
        for line in found["yardsticks"]:
            table.add_row(line["what"], f"{line['value']:.3g}", Text(line["meaning"]))
        console.print(table)
    if not found["causes"]:
        console.print("No known cause fits. That does not mean that all is well: give more numbers, --config or --checkpoint.")
        return
    console.print("Causes that fit, most likely first:")
    for number, cause in enumerate(found["causes"], start=1):
        console.print(Text(f"{number}. {cause['says']}", style="bold"))
        console.print(Text(f"   seen in {cause['seen_in']}: {cause['because']}"))
        console.print(Text(f"   {cause['confirm']}"), soft_wrap=True)
