"""A device that is full."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from click import ClickException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from saga_kedro.files import SQLITE_FULL, NoSpace, free_bytes, full_device, no_space


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
