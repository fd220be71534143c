"""What stops a run before anything is done: its parameters, its weights, its audit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from click import ClickException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline

from saga_kedro.parameters import validate
from saga_kedro.weights import missing_weights


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

    @hook_impl(wrapper=True, tryfirst=True)  # a wrapper, to come before that of tracking.py
    def before_pipeline_run(self, pipeline: Pipeline) -> Iterator[None]:
        sentences = missing_weights(validate(self.parameters), {tag for node in pipeline.nodes for tag in node.tags})
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
