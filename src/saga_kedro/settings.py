"""Kedro's settings of this project."""

import gc

from saga_kedro.pipelines.configuration import SOFT, SagaConfigLoader, project_root
from saga_kedro.pipelines.run_hook import RunHook

# Millions of objects are imported and stay: looking for garbage among them takes a tenth of a short run.
gc.set_threshold(50_000)

HOOKS = (RunHook(),)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = SagaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": SOFT,
    "custom_resolvers": {"project": project_root},
}
