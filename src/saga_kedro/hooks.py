"""Kedro hooks: parameters are checked before anything runs, and a run of MLflow is one configuration's life."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from saga_kedro.configuration import dataset_name, run_key
from saga_kedro.files import parameter_hash
from saga_kedro.parameters import validate


class ParameterHook:
    """Refuses unknown and ill-typed parameters, on the command line too, and makes relative paths those of the project."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        validate(context.params)
        os.chdir(context.project_path)


class TrackingHook:
    """Reopens the MLflow run of a configuration that was run before: a killed training goes on in its own run, and an
    evaluation is logged beside the training that it judges. kedro-mlflow starts the run; this hook tells it which one.
    """

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.context = context

    @hook_impl(wrapper=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> Iterator[None]:
        tracking = self.context.mlflow.tracking  # type: ignore[attr-defined]  # kedro-mlflow adds it
        names = run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "__default__"]
        if set(names) & set(tracking.disable_tracking.pipelines):
            return (yield)
        import mlflow

        from saga_kedro import tracking as runs

        mlflow.enable_system_metrics_logging()
        parameters, env = self.context.params, self.context.env or "base"
        configuration = parameter_hash(parameters, env)[:10]
        tracking.run.id = runs.find(tracking.experiment.name, configuration)
        tracking.run.name = f"{dataset_name(parameters)} {run_key(parameters)} ({env})"
        result = yield
        mlflow.set_tags(
            {
                runs.CONFIGURATION: configuration,
                "saga.env": env,
                "saga.seed": parameters["seed"],
                "saga.git_revision": runs.git_revision(self.context.project_path),
            }
        )
        return result
