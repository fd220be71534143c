"""Kedro's configuration: the parameters, checked once, and the folder of each stage's results, for the catalog's paths."""

import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.utils import find_kedro_project

from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Parameters, validate
from saga_kedro.stages import STAGES, all_values

SOFT = {"parameters": "soft", "plan": "soft"}
"""An environment names only what differs from base."""


class SagaConfigLoader(OmegaConfigLoader):
    """OmegaConfigLoader that knows the checked parameters, and whose catalog may use ``${globals:<stage>}``."""

    def __init__(
        self, conf_source: str, env: str | None = None, runtime_params: dict[str, Any] | None = None, **options: Any
    ) -> None:
        # first, since the last loader of a process is the one whose globals OmegaConf reads
        self._own = OmegaConfigLoader(conf_source, env=env, **options)
        self._base = OmegaConfigLoader(conf_source, **options)
        super().__init__(conf_source, env=env, runtime_params=runtime_params, **options)

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key == "catalog":
            self["globals"] = folders(self.checked, self._files())
        if key == "parameters" and key not in self:  # Kedro asks several times, and reading the files takes a while
            self[key] = super().__getitem__(key)
        return super().__getitem__(key)

    @cached_property
    def checked(self) -> Parameters:
        """The parameters of the run; raises as `validate`."""
        return validate(self["parameters"])

    def _files(self) -> Parameters:
        """The parameters without the command line: of this environment, or of base if both name one dataset."""
        own = validate(self._own["parameters"]) if self.runtime_params else self.checked
        base = validate(self._base["parameters"])
        return base if base.dataset_name == own.dataset_name == self.checked.dataset_name else own


def folders(run: Parameters, files: Parameters) -> dict[str, str]:
    """Stage -> the folder of its results: the dataset's name, followed by ten digits where --params changed the stage.

    ``files`` is what the configuration files say without the command line. docs/own_data.md has an example.
    """
    if run.dataset_name != files.dataset_name:
        files = files.model_copy(update={"ingest": run.ingest, "repositories": run.repositories})
    names = {}
    for stage in STAGES:
        asked, usual = all_values(stage, run), all_values(stage, files)
        changes = {name: value for name, value in asked.items() if value != usual.get(name)}
        names[stage] = run.dataset_name + (f"-{parameter_hash(changes)[:10]}" if changes else "")
    model = run.evaluate.model or f"data/06_models/{names['fit']}"
    return names | {"dataset": run.dataset_name, "model": model}


def find_project(folder: Path) -> Path | None:
    """The Kedro project that ``folder`` is in, or None."""
    return find_kedro_project(folder.resolve())


def project_root() -> str:
    """The Kedro project that the working folder is in, or the working folder."""
    return (find_project(Path.cwd()) or Path.cwd()).as_posix()


def read_parameters(project: Path, env: str = "local") -> Parameters:
    """The parameters of an environment, without a Kedro session; raises as `validate`."""
    return validate(_read(project, env, "parameters"))


def read_unit_costs(project: Path, env: str) -> dict[str, Any]:
    """The unit costs of `saga plan`: conf/base/plan.yml, with the environment's on top. A run's keys do not depend on them."""
    return _read(project, env, "plan")


def _read(project: Path, env: str, what: str) -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # Kedro's own, about a call that omegaconf renames
        return OmegaConfigLoader(
            str(project / "conf"),
            env=env,
            base_env="base",
            default_run_env="local",
            config_patterns={"plan": ["plan*"]},
            merge_strategy=SOFT,
        )[what]
