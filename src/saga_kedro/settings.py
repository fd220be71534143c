"""Kedro's settings of this project."""

from __future__ import annotations

import warnings
from pathlib import Path

from kedro.utils import find_kedro_project

from saga_kedro.configuration import SagaConfigLoader
from saga_kedro.hooks import AuditHook, ParameterHook, TrackingHook, WeightsHook

# Kedro 1.7 and kedro-mlflow 2.0 call OmegaConf by a name that it is giving up; nobody who runs a pipeline can mend that.
warnings.filterwarnings("ignore", message="register_new_resolver")

HOOKS = (ParameterHook(), WeightsHook(), AuditHook(), TrackingHook())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = SagaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},  # an environment names only what differs from base
    "custom_resolvers": {"project": lambda: (find_kedro_project(Path.cwd()) or Path.cwd()).as_posix()},
}
