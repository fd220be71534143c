"""Nothing phones home: the switches of every library that would, set before any of them is imported."""

from __future__ import annotations

import os

OFF = {
    "DO_NOT_TRACK": "1",  # Kedro, MLflow and others that follow the convention
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",  # weights come from folders that a person names, never from a hub at run time
    "DVC_NO_ANALYTICS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "WANDB_MODE": "disabled",
    "LITDATA_DISABLE_VERSION_CHECK": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # not telemetry: a bar for every small file
    "TOKENIZERS_PARALLELISM": "false",  # not telemetry: the tokenizers warn when a process forks after using threads
}


def silence() -> None:
    """Set every switch that the person has not set."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
