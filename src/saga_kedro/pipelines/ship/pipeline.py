"""Pipeline `ship`: puts a trained model into the package, with its card.

It scores the model once more, so that the card shows the numbers of these weights; finished outputs are kept.
"""

from kedro.pipeline import Pipeline, node

from saga_kedro.pipelines import evaluate, report
from saga_kedro.reporting.ship import ship


def create_pipeline(**_) -> Pipeline:
    scored = evaluate.create_pipeline() + report.create_pipeline()
    shipped = ["model_summary", "settings", "manifest", "pairs", "headline"]
    return scored + Pipeline(
        [
            node(ship, shipped, "model_card", name="ship", tags=["weights.text", "weights.codec"]),
        ]
    )
