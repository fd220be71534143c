"""Nodes of the pipeline `ship`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def ship(
    model_summary: dict[str, Any],
    parameters: dict[str, Any],
    manifest: pd.DataFrame,
    pairs: pd.DataFrame,
    headline: pd.DataFrame,
) -> str:
    """Write the model in half precision, its ONNX graph and its card into the package: what `load_model()` loads.

    Args:
        model_summary: of a finished training.
        parameters: all of them.
        manifest: of its corpus.
        pairs: that it was judged on.
        headline: the report's table.

    Returns:
        The card.
    """
    from saga_kedro.model.onnx_export import export_onnx
    from saga_kedro.model.saga_sr import SagaSR
    from saga_kedro.model.saved import SHIPPED
    from saga_kedro.parameters import validate
    from saga_kedro.reporting.model_card import model_card

    model = SagaSR.from_pretrained(model_summary["folder"])
    model.sample.update(parameters["sample"])  # what was chosen after the training counts
    model.save_pretrained(SHIPPED, half=True)
    if not model.takes_prompts:  # else PyTorch alone can use it
        export_onnx(model, SHIPPED)
    count = sum(weights.numel() for weights in model.network.parameters())
    return model_card(model_summary, validate(parameters), manifest, pairs, headline, count)
