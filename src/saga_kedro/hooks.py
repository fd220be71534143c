"""Kedro hooks: parameters are checked before anything runs, and a run of MLflow is one configuration's life."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from click import ClickException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from saga_kedro.configuration import configuration_key, run_name, told
from saga_kedro.files import SQLITE_FULL, NoSpace, free_bytes, full_device, no_space
from saga_kedro.locks import RunLock, joins_another, store_lock, uses
from saga_kedro.parallel import engine
from saga_kedro.parameters import validate
from saga_kedro.weights import missing_weights, wanted_weights
from saga_kedro.whole_files import write_whole


class ParameterHook:
    """Refuses unknown and ill-typed parameters, on the command line too, and makes relative paths those of the project."""

    @hook_impl(wrapper=True, tryfirst=True)  # a wrapper, to come before the wrapper that touches MLflow's store
    def after_context_created(self, context: KedroContext) -> Iterator[None]:
        _check_environment(context)
        validate(context.params)
        os.chdir(context.project_path)
        self.parameters = context.params
        return (yield)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        # By this name and not by Kedro's own, `parameters`: kedro-mlflow would log them all once more, under another prefix.
        catalog["all_parameters"] = MemoryDataset(self.parameters)
        # Nor as `params:repositories`: it would log the whole list as one parameter.
        catalog["repositories"] = MemoryDataset(self.parameters.get("repositories", []))


def _check_environment(context: KedroContext) -> None:
    folder = Path(context.project_path) / "conf"
    known = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "base")
    if context.env and context.env not in [*known, "base", "local"]:
        raise ClickException(f"There is no environment {context.env!r}: conf/ has {', '.join(known)}.")


class WeightsHook:
    """Stops a run whose pretrained weights are not there before anything is done, MLflow's run included."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.parameters = context.params

    @hook_impl(wrapper=True, tryfirst=True)  # a wrapper, to come before the wrapper below
    def before_pipeline_run(self, pipeline: Pipeline) -> Iterator[None]:
        sentences = missing_weights(self.parameters, {node.name for node in pipeline.nodes})
        if sentences:
            raise ClickException("\n".join(sentences))
        return (yield)


class AuditHook:
    """Refuses an issue that is unknown, or an arm whose parameters are, before anything is done."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.parameters = context.params

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self.catalog = catalog

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> Iterator[None]:
        if "run_arms" in {node.name for node in pipeline.nodes}:
            from saga_kedro.audit.issues import choose, read_catalogue
            from saga_kedro.audit.plan import plan

            try:
                issues = read_catalogue(self.catalog.load("audit_issues_file"))
                plan(issues, choose(issues, self.parameters["audit"]["issue"]), self.parameters)
            except ValueError as error:
                raise ClickException(str(error)) from None
        return (yield)


class LockHook:
    """Keeps other runs from the tables that this one reads and writes, and lets the catalog write each of them whole."""

    def __init__(self) -> None:
        self.lock: RunLock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.context = context

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol, conf_catalog: dict[str, Any]) -> None:
        self.conf_catalog = conf_catalog
        write_whole(catalog)

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> Iterator[None]:
        if joins_another():
            return (yield)
        self._release()  # what an interrupted run of this same process left
        self.lock = RunLock(self.context.project_path)
        try:
            name = "+".join(_pipeline_names(run_params))
            reads, writes = uses(pipeline, self.conf_catalog, self.context.project_path)
            self.lock.take(name, reads, writes, wait=self.context.params["lock"] == "wait")
            return (yield)
        except BaseException:
            self._release()
            raise

    @hook_impl(wrapper=True, tryfirst=True)
    def after_pipeline_run(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            self._release()

    @hook_impl(wrapper=True, tryfirst=True)
    def on_pipeline_error(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            self._release()

    def _release(self) -> None:
        if self.lock:
            self.lock.release()
            self.lock = None


class EngineHook:
    """Has the run's work done by whom ``workers`` names, once they are found fit for it."""

    def __init__(self) -> None:
        self.engine = ExitStack()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.context = context

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> Iterator[None]:
        parameters = self.context.params
        nodes = {node.name for node in pipeline.nodes}
        weights = [path for _, path, users in wanted_weights(parameters) if path and not users.isdisjoint(nodes)]
        weights += [parameters["evaluate"]["model"]] if parameters["evaluate"]["model"] else []
        needs = [path for path in (parameters["ingest"]["path"], parameters["ingest"]["clones"]) if path]
        self.engine.enter_context(engine(parameters["workers"], self.context.project_path, needs, weights))
        try:
            return (yield)
        except BaseException:  # of another hook: then Kedro runs none of those below
            self.engine.close()
            raise

    @hook_impl
    def after_pipeline_run(self) -> None:
        self.engine.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        self.engine.close()


def _pipeline_names(run_params: dict[str, Any]) -> list[str]:
    return run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "__default__"]


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
        if set(_pipeline_names(run_params)) & set(tracking.disable_tracking.pipelines):
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


class FullDiskHook:
    """A device that is full is one sentence, whichever library met it: where, how much is free, what was being written."""

    @hook_impl(wrapper=True, tryfirst=True)
    def after_context_created(self, context: KedroContext) -> Iterator[None]:
        self.project, self.doing = Path(context.project_path), "the run was beginning"
        return (yield from self._sentence())

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self) -> Iterator[None]:
        return (yield from self._sentence())

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        self.doing = f"the step {node.name} was writing"

    @hook_impl(wrapper=True, tryfirst=True)
    def after_pipeline_run(self) -> Iterator[None]:
        return (yield from self._sentence())

    @hook_impl(wrapper=True, tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> Iterator[None]:
        try:
            result = yield
        except Exception as second:  # whoever wanted to write down that the run failed met the full device, too
            self._check(error)
            self._check(second)
            raise
        self._check(error)
        return result

    def _sentence(self) -> Iterator[None]:
        try:
            return (yield)
        except Exception as error:
            self._check(error)
            raise

    def _check(self, error: BaseException) -> None:
        """Raise the sentence, if a full device is what ``error`` is about."""
        found = full_device(error)
        if found is None:
            return
        if isinstance(found, NoSpace):
            raise ClickException(str(found)) from None
        if SQLITE_FULL in str(found):
            import mlflow

            store = Path(mlflow.get_tracking_uri().removeprefix("sqlite:///"))
            has = f"{store.stat().st_size / 1e6:.1f} MB" if store.exists() else "nothing"
            needs = f"{store.name}, MLflow's store, needs more than the {has} that it has"
            raise ClickException(no_space(needs, store.parent)) from None
        places = [*(self.project / "data").iterdir(), self.project / "mlruns", Path(tempfile.gettempdir())]
        where = getattr(found, "filename", None) or min(places, key=free_bytes)
        raise ClickException(no_space(self.doing, where)) from None
