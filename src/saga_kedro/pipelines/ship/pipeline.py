"""Pipeline `ship`: puts a trained model, or the mean of several, into the package, with its card.

It scores the model once more, so that the card shows the numbers of these weights; finished outputs are kept.
"""

from kedro.pipeline import Pipeline, node

from saga_kedro.pipelines import evaluate, report
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge
from saga_kedro.reporting.ship import choose_model, ship


def create_pipeline(**_) -> Pipeline:
    scored = evaluate.create_pipeline() + report.create_pipeline() - model_to_judge()
    shipped = ["model_summary", "settings", "manifest", "pairs", "headline"]
    return scored + Pipeline(
        [
            node(choose_model, ["judged_folder", "ship_settings", "average_folder"], "model_summary", name="choose_model"),
            node(ship, shipped, "model_card", name="ship", tags=["weights.text", "weights.codec"]),
        ]
    )
