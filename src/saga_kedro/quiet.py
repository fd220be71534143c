"""Switches set before libraries are imported: no telemetry, no network, no warnings that only a library could fix."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OFF = {
    "DO_NOT_TRACK": "1",  # Kedro, MLflow and others that follow the convention
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # weights come from folders that a person names, never from a hub at run time
    "DVC_NO_ANALYTICS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "WANDB_MODE": "disabled",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # not telemetry: a bar for every small file
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # not telemetry: give up on a dead tracking server after 15 s, not 4 minutes
    "TOKENIZERS_PARALLELISM": "false",  # not telemetry: the tokenizers warn when a process forks after using threads
}


def silence() -> None:
    """Set every switch that the person has not set."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
    # Kedro 1.7 and kedro-mlflow 2.0 call OmegaConf by a name that it will drop.
    warnings.filterwarnings("ignore", message="register_new_resolver")
    # Kedro 1.7 knows --pipeline and --pipelines; our commands use the first, and the project holds Kedro at 1.7.
    warnings.filterwarnings("ignore", message="Option '--pipeline' is deprecated")


@contextmanager
def without_warnings(*parts: str) -> Iterator[None]:
    """Hide warnings whose text holds one of ``parts``. For MLflow, whose own filter comes before `warnings.filterwarnings`."""
    with warnings.catch_warnings():  # puts back what shows warnings, too
        shown = warnings.showwarning

        def show(message: Warning | str, *rest: Any, **named: Any) -> None:
            if not any(part in str(message) for part in parts):
                shown(message, *rest, **named)

        warnings.showwarning = show
        yield
