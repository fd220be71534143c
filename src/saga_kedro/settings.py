"""Kedro's settings of this project."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

from kedro.utils import find_kedro_project

from saga_kedro.configuration import SagaConfigLoader
from saga_kedro.files import full_in_words
from saga_kedro.hooks.full_disk import FullDiskHook
from saga_kedro.hooks.lock import LockHook
from saga_kedro.hooks.nodes import NodesHook
from saga_kedro.hooks.refusals import AuditHook, ParameterHook, WeightsHook
from saga_kedro.hooks.tracking import TrackingHook
from saga_kedro.hooks.workers import EngineHook
from saga_kedro.quiet import without_warnings

# Kedro 1.7 and kedro-mlflow 2.0 call OmegaConf by a name that it is giving up; nobody who runs a pipeline can mend that.
warnings.filterwarnings("ignore", message="register_new_resolver")
# Kedro 1.7 knows --pipeline and --pipelines; our commands say the first, and the project holds Kedro at 1.7.
warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")
# Kedro-Viz says at every run of a part of the pipeline that it will not draw when which node ran.
logging.getLogger("kedro_viz.integrations.kedro.run_hooks").addFilter(
    lambda record: "Workflow tracking is disabled" not in record.getMessage()
)
# A full device is told once, by FullDiskHook, and not on the way by every library, with tracebacks.
for name in ("kedro.pipeline.node", "mlflow.store.db.utils", "mlflow.system_metrics.system_metrics_monitor"):
    logging.getLogger(name).addFilter(lambda record: not full_in_words(record.getMessage()))
# kedro-mlflow defines a model of its own without type hints, and MLflow advises whoever does. Kedro imports it a little later
# in any case; here it is imported without the advice.
with without_warnings("Add type hints to the `predict` method"):
    import kedro_mlflow.mlflow  # noqa: F401

# Of wrappers the last comes first: a full disk is told whoever meets it, and the lock is taken before workers are looked for.
HOOKS = (ParameterHook(), EngineHook(), LockHook(), WeightsHook(), AuditHook(), TrackingHook(), FullDiskHook(), NodesHook())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_CLASS = SagaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},  # an environment names only what differs from base
    "custom_resolvers": {"project": lambda: (find_kedro_project(Path.cwd()) or Path.cwd()).as_posix()},
}
