"""What surrounds every run of a pipeline, in reading order: parameters, weights, the lock, workers, MLflow."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import mlflow
from click import ClickException
from click.exceptions import Exit
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from mlflow.exceptions import MlflowException

from saga_kedro import tracking
from saga_kedro.errors import SagaError
from saga_kedro.files import parameter_hash
from saga_kedro.locks import RunLock, joins_another, store_lock
from saga_kedro.parallel import engine
from saga_kedro.parameters import Parameters
from saga_kedro.pipelines.folder_dataset import FolderDataset
from saga_kedro.pipelines.whole_files import write_whole
from saga_kedro.quiet import without_warnings
from saga_kedro.stages import digits, logged
from saga_kedro.weights import missing_weights, needed

# Imported here, before Kedro does: kedro-mlflow defines a model without type hints, and MLflow warns about it.
with without_warnings("Add type hints to the `predict` method"):
    import kedro_mlflow.mlflow  # noqa: F401


class RunHook:
    """Refuses a run that cannot work before it starts, and holds what the run needs until it ends.

    kedro-mlflow opens the MLflow run; this hook chooses it. One configuration has one run: a killed training resumes in it, and
    evaluations are logged next to their training.
    """

    def __init__(self) -> None:
        self.held = ExitStack()

    @hook_impl(wrapper=True, tryfirst=True)
    def after_context_created(self, context: KedroContext) -> Iterator[None]:
        _check_environment(context)
        with _for_a_person():
            self.parameters: Parameters = context.config_loader.checked  # type: ignore[attr-defined]
            os.chdir(context.project_path)  # relative paths are those of the project
            self.context = context
            tracking.rehome(context.project_path)
            with store_lock(context.project_path):  # or two first runs would both create MLflow's experiment
                return (yield)

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol, conf_catalog: dict[str, Any]) -> None:
        self.catalog, self.conf_catalog = catalog, conf_catalog
        for name in type(self.parameters).model_fields:
            catalog[f"{name}_settings"] = MemoryDataset(getattr(self.parameters, name), copy_mode="assign")
        catalog.save("settings", self.parameters)
        catalog.save("mlflow_experiment", self.context.mlflow.tracking.experiment.name)  # type: ignore[attr-defined]
        catalog.save("mlflow_run", "")  # `before_node_run` says which
        write_whole(catalog)

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline) -> Iterator[None]:
        self.held.close()  # what an interrupted run of this same process left
        parameters, project = self.parameters, self.context.project_path
        tags = {tag for node in pipeline.nodes for tag in node.tags}
        name = "+".join(pipeline_names(run_params))
        with _for_a_person(), ExitStack() as held:
            if run_params.get("only_missing_outputs"):
                raise SagaError(
                    "--only-missing-outputs would keep outputs of other parameters or older code: leave it out. "
                    "Every run skips finished work whose parameters, code and inputs are the same."
                )
            if any(name in str(run_params.get("runner")) for name in ("ThreadRunner", "ParallelRunner")):
                raise SagaError("Steps run one after the other, and each spreads its items over processes: leave --runner out.")
            _check_paths(parameters, {node.name for node in pipeline.nodes})
            self._join_another(pipeline)
            self._require_inputs(pipeline)
            weights = _require_weights(parameters, tags)
            if "audit" in tags:
                self._check_audit()
            if not joins_another(parameters.fit.nodes):
                reads, writes = uses(pipeline, self.conf_catalog, project)
                lock = RunLock(project)
                lock.take(name, reads, writes, wait=parameters.lock == "wait")
                held.callback(lock.release)
            needs = [path for path in (parameters.ingest.path, parameters.ingest.clones, *weights) if path]
            held.enter_context(engine(parameters.workers, project, needs))
            tracked = self._choose_run(run_params)
            result = yield
            if tracked:
                self._describe_run()
            self.held = held.pop_all()
        return result

    @hook_impl
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """A node that logs while it runs gets the id of the run for this version of the data."""
        if "mlflow_run" not in node.inputs:
            return None
        return {"mlflow_run": self._follow(tracking.own_run(inputs["data_version"]))}

    @hook_impl
    def after_node_run(self, outputs: dict[str, Any]) -> None:
        """Log what nodes return as `Logged`; the only place that does."""
        if run_id := tracking.active_run_id():
            for value in outputs.values():
                if isinstance(value, tracking.Logged):
                    tracking.log_results(run_id, value)

    @hook_impl(wrapper=True, tryfirst=True)
    def after_pipeline_run(self) -> Iterator[None]:
        with self.held:
            return (yield)

    @hook_impl(wrapper=True, tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> Iterator[None]:
        with _for_a_person(), self.held:
            result = yield
            if isinstance(error, SagaError | MlflowException):
                raise error
            return result

    def _join_another(self, pipeline: Pipeline) -> None:
        """A further node of a training only trains; the first node reads, writes and logs."""
        if joins_another(self.parameters.fit.nodes) and "fit" in {node.name for node in pipeline.nodes}:
            from saga_kedro.training.folder import finished, key_of
            from saga_kedro.training.processes import take_part

            folder, known = self.catalog.load("model_folder"), ("data_version", "captions")
            is_finished = all(map(self.catalog.exists, known)) and finished(
                folder, key_of("fit", self.parameters, *map(self.catalog.load, known))
            )
            if not is_finished:
                take_part(self.parameters.fit, folder)
            raise Exit

    def _require_inputs(self, pipeline: Pipeline) -> None:
        """Refuse a run that begins after a step whose results do not exist. Folders are filled by their nodes."""
        filled = {name for name in pipeline.inputs() if isinstance(self.catalog.get(name), FolderDataset)}
        if missing := sorted(name for name in pipeline.inputs() - filled if not self.catalog.exists(name)):
            raise SagaError(
                f"This run begins with {', '.join(missing)}, which no file holds: begin at the step that makes it, or run "
                "`kedro run --pipeline train`, which skips finished work."
            )

    def _check_audit(self) -> None:
        """Refuse an unknown issue, and an arm with unknown parameters."""
        from saga_kedro.audit.issues import choose, read_catalogue
        from saga_kedro.audit.plan import plan

        issues = read_catalogue(self.catalog.load("audit_issues_file"))
        try:
            plan(issues, choose(issues, self.parameters.audit.issue), self.parameters)
        except ValueError as error:
            raise SagaError(str(error)) from None

    def _choose_run(self, run_params: Mapping[str, Any]) -> bool:
        """Let kedro-mlflow open the run that this configuration already has, or a new one."""
        chosen = self.context.mlflow.tracking  # type: ignore[attr-defined]  # kedro-mlflow adds it
        if set(pipeline_names(run_params)) & set(chosen.disable_tracking.pipelines):
            self._follow(None)  # the plugin outlives the session, and would reopen the last session's run at every node
            return False
        mlflow.enable_system_metrics_logging()
        chosen.run.id = tracking.find(chosen.experiment.name, configuration(self.parameters))
        chosen.run.name = run_name(self.parameters)
        return True

    def _describe_run(self) -> None:
        tracking.log_parameters(tracking.active_run_id(), tracking.flat(logged(self.parameters)))
        mlflow.set_tags(
            {
                tracking.CONFIGURATION: configuration(self.parameters),
                "saga.env": self.context.env or "base",
                "saga.seed": self.parameters.seed,
                "saga.git_revision": tracking.git_revision(self.context.project_path),
            }
        )

    def _follow(self, run_id: str | None) -> str | None:
        """Tell kedro-mlflow which run its nodes log to."""
        from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

        plugins = self.context._hook_manager.get_plugins()
        next(plugin for plugin in plugins if isinstance(plugin, MlflowHook)).run_id = run_id
        return run_id


def pipeline_names(run_params: Mapping[str, Any]) -> list[str]:
    return run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "__default__"]


def configuration(parameters: Parameters) -> str:
    """Ten digits that name a configuration: its dataset and everything that its scores depend on. One run of MLflow each."""
    return parameter_hash(parameters.dataset_name, digits("evaluate", parameters))[:10]


def run_name(parameters: Parameters) -> str:
    """The name of a run in MLflow: ``demo, 600 steps (a41f03c2d1)``, or ``pairs, judged: bundled`` where a model is given."""
    model, of_training = parameters.evaluate.model, digits("fit", parameters)
    what = f"judged: {PurePosixPath(model).name}" if model else f"{parameters.fit.steps} steps ({of_training})"
    return f"{parameters.dataset_name}, {what}"


def uses(pipeline: Pipeline, conf_catalog: Mapping[str, Any], project: str | Path) -> tuple[list[str], list[str]]:
    """What a run reads and what it writes: paths relative to the project.

    Files shared by all datasets, such as data/08_reporting/paper_lsd.csv, are left out: every run writes the same content.
    """

    def paths(names: Iterable[str]) -> list[str]:
        found = [conf_catalog[name].get("filepath") for name in names if name in conf_catalog]
        relative = {path.removeprefix(f"{Path(project).as_posix()}/") for path in found if path}
        return sorted(path for path in relative if len(PurePosixPath(path).parts) > 3 or not PurePosixPath(path).suffix)

    return paths(pipeline.datasets() - pipeline.all_outputs()), paths(pipeline.all_outputs())


def _require_weights(parameters: Parameters, tags: set[str]) -> list[str]:
    """The weights that a run loads and all its workers must see; missing ones stop it."""
    if sentences := missing_weights(parameters, tags):
        raise SagaError("\n".join(sentences))
    weights = [path for _, path in needed(parameters, tags) if path]
    return weights + ([parameters.evaluate.model] if parameters.evaluate.model else [])


def _check_paths(parameters: Parameters, nodes: set[str]) -> None:
    """Refuse a path that a later node would miss."""
    table = parameters.caption.source == "table"
    given = [
        ("caption.path", parameters.caption.path, table and nodes & {"caption", "caption_pairs"}),
        ("audit.pairs", parameters.audit.pairs, "run_arms" in nodes),
        ("audit.checkpoint", parameters.audit.checkpoint, "run_arms" in nodes),
    ]
    for name, path, used in given:
        if used and path and not Path(path).exists():
            raise SagaError(f"{name}={path}: there is nothing at {Path(path).resolve()}. Correct the path, or put it there.")
    if parameters.evaluate.model and "find_model" in nodes:
        from saga_kedro.evaluation.model_scores import require_model

        require_model(parameters.evaluate.model)


def _check_environment(context: KedroContext) -> None:
    folder = Path(context.project_path) / "conf"
    known = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "base")
    if context.env and context.env not in [*known, "base", "local"]:
        raise ClickException(f"There is no environment {context.env!r}: conf/ has {', '.join(known)}.")


@contextmanager
def _for_a_person() -> Iterator[None]:
    """Kedro's command line prints these errors without a traceback."""
    try:
        yield
    except SagaError as error:
        raise ClickException(str(error)) from error
    except MlflowException as error:
        if not isinstance(error.__context__, OSError):  # as every error of `requests` is
            raise
        raise ClickException(
            f"MLflow's server {mlflow.get_tracking_uri()} does not answer. Start it and run the same command again: "
            "finished work is skipped, and a training resumes."
        ) from error
