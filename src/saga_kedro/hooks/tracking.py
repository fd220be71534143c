"""A run of MLflow is one configuration's life."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset

from saga_kedro.configuration import configuration_key, run_name, told
from saga_kedro.locks import store_lock


class TrackingHook:
    """Reopens the MLflow run of a configuration that was run before: a killed training goes on in its own run, and an
    evaluation is logged beside the training that it judges. kedro-mlflow starts the run; this hook tells it which one.
    """

    @hook_impl(wrapper=True)
    def after_context_created(self, context: KedroContext) -> Iterator[None]:
        self.context = context
        with store_lock(context.project_path):  # two first runs at once would both create the experiment
            return (yield)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        catalog["mlflow_experiment"] = MemoryDataset(self.context.mlflow.tracking.experiment.name)  # type: ignore[attr-defined]

    @hook_impl(wrapper=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> Iterator[None]:
        tracking = self.context.mlflow.tracking  # type: ignore[attr-defined]  # kedro-mlflow adds it
        plugin = self._kedro_mlflow()
        if set(pipeline_names(run_params)) & set(tracking.disable_tracking.pipelines):
            plugin.run_id = None  # it outlives the session, and would reopen the last session's run at every node
            return (yield)
        import mlflow

        from saga_kedro import tracking as runs

        mlflow.enable_system_metrics_logging()
        parameters, env = self.context.params, self.context.env or "base"
        env = "base" if env == "cluster" else env  # which says who works, and nothing else
        configuration = configuration_key(parameters, env)
        tracking.run.id = runs.find(tracking.experiment.name, configuration)
        tracking.run.name = run_name(parameters, env)
        result = yield
        mlflow.log_params(runs.flat(told(parameters)))
        mlflow.set_tags(
            {
                runs.CONFIGURATION: configuration,
                "saga.env": env,
                "saga.seed": parameters["seed"],
                "saga.git_revision": runs.git_revision(self.context.project_path),
            }
        )
        return result

    @hook_impl
    def after_node_run(self) -> None:
        """Tells kedro-mlflow when a node went over to another run, as `tracking.own_run` does where the data changed."""
        import mlflow

        plugin, active = self._kedro_mlflow(), mlflow.active_run()
        if active and plugin.run_id:
            plugin.run_id = active.info.run_id

    def _kedro_mlflow(self) -> Any:
        """kedro-mlflow's own hook, which keeps the id of the run that its nodes log to."""
        from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

        return next(plugin for plugin in self.context._hook_manager.get_plugins() if isinstance(plugin, MlflowHook))


def pipeline_names(run_params: dict[str, Any]) -> list[str]:
    """What a person calls what is run."""
    return run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "__default__"]
