"""What a report says of where its numbers come from: versions, model, data, parameters."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("saga-kedro", "torch", "stable-audio-tools", "transformers", "kedro", "mlflow", "numpy", "soxr", "visqol-python")


def facts(
    model_summary: Mapping[str, Any], data_version: str, pairs: int, revision: str, parameters: Mapping[str, Any], run_id: str
) -> dict[str, dict[str, object]]:
    """Title -> name -> value, for `report.Findings`.

    Args:
        model_summary: folder, weights, steps, and what else its training wrote.
        data_version: of the evaluation.
        pairs: how many.
        revision: of the code, as git names it.
        parameters: all of them, flat, under dotted names.
        run_id: of the evaluation in MLflow.
    """
    yardsticks = {name: f"{value:.4g}" for name, value in model_summary.get("yardsticks", {}).items()}
    return {
        "Model": {
            "folder": model_summary["folder"],
            "weights": model_summary["weights"],
            "steps": model_summary["steps"],
            "data version of its training": model_summary.get("data_version"),
            "MLflow run of its training": model_summary.get("run_id"),
        },
        "Evaluation": {"data version": data_version, "pairs": pairs, "MLflow run": run_id},
        **({"Measured when its training began": yardsticks} if yardsticks else {}),
        "Versions": {"code (git)": revision or "not under git", "Python": platform.python_version(), **_packages()},
        "Parameters": dict(parameters),
    }


def _packages() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
