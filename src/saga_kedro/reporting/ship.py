"""A trained model into the package: what `load_model()` loads, and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.evaluation.model_scores import find_model
from saga_kedro.model.onnx_export import export_onnx
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import SHIPPED
from saga_kedro.parameters import Parameters, Ship
from saga_kedro.reporting.model_card import model_card
from saga_kedro.training.average import average


def choose_model(judged_folder: Path, ship: Ship, average_folder: Path) -> dict[str, Any]:
    """The summary of the model to ship: the judged one, or the mean of those that ``ship.average`` names, written now."""
    return average(ship.average, average_folder) if ship.average else find_model(judged_folder)


def ship(
    model_summary: dict[str, Any], parameters: Parameters, manifest: pd.DataFrame, pairs: pd.DataFrame, headline: pd.DataFrame
) -> str:
    """Write the model in half precision, its ONNX graph and its card into the package.

    Args:
        model_summary: of a finished training, or of a mean of several.
        parameters: of the training; ``sample`` is what was chosen after it.
        manifest: of its corpus.
        pairs: that it was judged on.
        headline: the report's table of these weights.

    Returns:
        The card.
    """
    model = SagaSR.from_pretrained(model_summary["folder"])
    model.sample.update(parameters.sample.model_dump())
    model.save_pretrained(SHIPPED, half=True)
    if not model.takes_prompts:  # else PyTorch alone can use it
        export_onnx(model, SHIPPED)
    count = sum(weights.numel() for weights in model.network.parameters())
    return model_card(model_summary, parameters, manifest, pairs, headline, count)
