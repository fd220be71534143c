"""What each stage depends on, as files that DVC reads: `python -m saga_kedro.pipelines.keys data/keys`."""

import json
import sys
from pathlib import Path

from saga_kedro.files import atomic_path
from saga_kedro.parameters import Parameters
from saga_kedro.pipelines.configuration import read_parameters
from saga_kedro.stages import STAGES, code, key, values


def write_keys(parameters: Parameters, folder: str | Path) -> None:
    """Write a file for each stage of dvc.yaml: DVC runs the stage again when it changes, and a person sees what changed."""
    for stage in STAGES:
        if not stage.startswith("audit"):
            about = {"key": key(stage, parameters), "parameters": values(stage, parameters), "code": code(stage)}
            with atomic_path(Path(folder) / f"{stage}.json") as temporary:
                temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_keys(read_parameters(Path.cwd()), sys.argv[1])
