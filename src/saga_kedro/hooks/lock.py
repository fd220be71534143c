"""Two runs at once: what keeps them apart, and lets them read whole files only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from saga_kedro.hooks.tracking import pipeline_names
from saga_kedro.locks import RunLock, joins_another, uses
from saga_kedro.whole_files import write_whole


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
            name = "+".join(pipeline_names(run_params))
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
