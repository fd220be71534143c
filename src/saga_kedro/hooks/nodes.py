"""A training on several nodes: which of them runs the pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from click.exceptions import Exit
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from saga_kedro.locks import joins_another
from saga_kedro.parameters import validate


class NodesHook:
    """A further node of a training on several takes part in it, and runs nothing else: the first one reads, writes and logs."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self.parameters = context.params

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self.catalog = catalog

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline) -> Iterator[None]:
        if self.parameters["fit"]["nodes"] > 1 and joins_another() and "fit" in {node.name for node in pipeline.nodes}:
            from saga_kedro.training.fit import finished
            from saga_kedro.training.processes import take_part

            fit, folder = validate(self.parameters).fit, self.catalog.load("model_folder")
            known = self.catalog.exists("data_version")
            if not (known and finished(folder, self.catalog.load("data_version"), fit.steps)):
                take_part(fit, folder)
            raise Exit
        return (yield)
