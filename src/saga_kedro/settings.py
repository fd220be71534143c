"""Kedro's settings of this project."""

from saga_kedro.pipelines.configuration import SOFT, SagaConfigLoader, project_root
from saga_kedro.pipelines.run_hook import RunHook

HOOKS = (RunHook(),)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = SagaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": SOFT,
    "custom_resolvers": {"project": project_root},
}
