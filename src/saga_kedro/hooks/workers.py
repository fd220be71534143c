"""Who does a run's work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from saga_kedro.parallel import engine
from saga_kedro.parameters import validate
from saga_kedro.weights import needed


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
        tags = {tag for node in pipeline.nodes for tag in node.tags}
        weights = [path for _, path in needed(validate(parameters), tags) if path]
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
