"""Kedro's configuration, with the names that the catalog's paths need: dataset, run and model."""

from __future__ import annotations

import re
import warnings
from pathlib import Path, PurePath
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project

from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Repository

# What a trained model depends on: sampling and evaluation parameters may change without a new training.
TRAINS = ("seed", "ingest", "caption", "vary", "degrade", "model", "fit")

HOW = ("lock", "workers")
"""Parameters that say how a run goes about its work and not what it makes: no hash holds them, MLflow is not told them, and a
run may go on with others."""


def made_by(parameters: dict[str, Any]) -> dict[str, Any]:
    """All parameters but those of `HOW`."""
    return {name: value for name, value in parameters.items() if name not in HOW}


def dataset_name(parameters: dict[str, Any]) -> str:
    """The folder below data/<layer>/ that holds this source's files, so that corpora don't overwrite each other.

    Args:
        parameters: all parameters. ``dataset`` says it, or is ``auto``: the source's name, or its folder's name.
    """
    ingest = parameters["ingest"]
    name = parameters["dataset"]
    if name == "auto":
        name = PurePath(ingest["path"]).name if ingest.get("path") else ingest["source"]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", str(name)).strip("-") or "dataset"


def corpus_parameters(ingest: dict[str, Any], repositories: list[dict[str, Any]]) -> dict[str, Any]:
    """What a corpus depends on: the list of repositories where it is made of them, and not where their clones lie.

    Args:
        ingest: the section of parameters.
        repositories: the section of parameters.
    """
    section = {name: value for name, value in ingest.items() if name != "clones"}
    return {"ingest": section} | ({"repositories": repositories} if "git" in ingest["source"].split("+") else {})


def told(parameters: dict[str, Any]) -> dict[str, Any]:
    """All parameters as MLflow and the report tell them: of the list of repositories, names and commits of a corpus of them.

    Args:
        parameters: all of them.
    """
    corpus = corpus_parameters(parameters["ingest"], parameters.get("repositories", []))
    listed = [Repository.model_validate(one) for one in corpus.get("repositories", [])]
    return {name: value for name, value in made_by(parameters).items() if name != "repositories"} | (
        {"repositories": {one.name: one.commit for one in listed}} if listed else {}
    )


def run_key(parameters: dict[str, Any]) -> str:
    """Ten digits that name a training: the hash of every parameter that the trained weights depend on."""
    corpus = corpus_parameters(parameters["ingest"], parameters.get("repositories", []))
    return parameter_hash({name: parameters[name] for name in TRAINS if name in parameters} | corpus)[:10]


def configuration_key(parameters: dict[str, Any], env: str) -> str:
    """Ten digits that name a configuration, whose life is one run of MLflow: every parameter but those of `HOW`,
    and the environment.
    """
    return parameter_hash(made_by(parameters), env)[:10]


def run_name(parameters: dict[str, Any], env: str) -> str:
    """What a person calls a run: ``demo, 600 steps (a41f03c2d1)``, or ``benchmark, judged: box`` where a model is given."""
    dataset, model = dataset_name(parameters), parameters["evaluate"]["model"]
    what = f"judged: {PurePath(model).name}" if model else f"{parameters['fit']['steps']} steps ({run_key(parameters)})"
    return f"{dataset}, {what}" + ("" if env in ("base", "local") else f", {env}")


def find_project(folder: Path) -> Path | None:
    """The Kedro project that ``folder`` is in, or None."""
    return find_kedro_project(folder.resolve())


def read_parameters(project: Path, env: str) -> dict[str, Any]:
    """The parameters of an environment, without a session."""
    return _read(project, env, "parameters")


def read_unit_costs(project: Path, env: str) -> dict[str, Any]:
    """What `saga plan` reckons with: conf/base/plan.yml, with the environment's on top where it has one.

    They are no parameters of a run, whose keys and MLflow runs must not depend on them.
    """
    return _read(project, env, "plan")


def _read(project: Path, env: str, what: str) -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # Kedro's own, about a call that omegaconf renames
        return SagaConfigLoader(
            str(project / "conf"),
            env=env,
            base_env="base",
            default_run_env="local",
            config_patterns={"plan": ["plan*"]},
            merge_strategy={"parameters": "soft", "plan": "soft"},
        )[what]


class SagaConfigLoader(OmegaConfigLoader):
    """OmegaConfigLoader whose catalog may use ``${globals:dataset}``, ``${globals:run}`` and ``${globals:model}``, made of
    the parameters."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key == "catalog":
            parameters = super().__getitem__("parameters")
            if {"dataset", "ingest"} <= parameters.keys():  # what else is missing, validation says
                dataset, run = dataset_name(parameters), run_key(parameters)
                model = parameters.get("evaluate", {}).get("model") or f"data/06_models/{dataset}/{run}"
                self["globals"] = {"dataset": dataset, "run": run, "model": model}
        return super().__getitem__(key)
