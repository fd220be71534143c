"""For the way there: the old names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saga_kedro.parameters import validate
from saga_kedro.pipelines.configuration import _read, find_project, read_unit_costs  # noqa: F401
from saga_kedro.stages import digits, logged

TRAINS = ("seed", "ingest", "caption", "vary", "degrade", "model", "fit")


def read_parameters(project: Path, env: str) -> dict[str, Any]:
    return _read(project, env, "parameters")


def dataset_name(parameters: dict[str, Any]) -> str:
    return validate(parameters).dataset_name


def corpus_parameters(ingest: Any, repositories: Any) -> dict[str, Any]:
    ingest = ingest if isinstance(ingest, dict) else ingest.model_dump()
    section = {name: value for name, value in ingest.items() if name != "clones"}
    return {"ingest": section} | ({"repositories": repositories} if "git" in ingest["source"].split("+") else {})


def told(parameters: dict[str, Any]) -> dict[str, Any]:
    return logged(validate(parameters))


def run_key(parameters: dict[str, Any]) -> str:
    return digits("fit", validate(parameters))
