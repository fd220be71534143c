"""Pipeline `ship`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.pipelines import evaluate, report
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge
from saga_kedro.reporting.ship import choose_model, ship


def create_pipeline(**_) -> Pipeline:
    """A trained model, or the mean of several -> its scores -> the weights that come with the package, and their card.

    It is scored once more, so that the card's numbers are those of the weights; finished outputs are kept.
    """
    scored = evaluate.create_pipeline() + report.create_pipeline() - model_to_judge()
    shipped = ["model_summary", "settings", "manifest", "pairs", "headline"]
    return scored + Pipeline(
        [
            node(choose_model, ["judged_folder", "ship_settings", "average_folder"], "model_summary", name="choose_model"),
            node(ship, shipped, "model_card", name="ship", tags=["weights.text", "weights.codec"]),
        ]
    )
