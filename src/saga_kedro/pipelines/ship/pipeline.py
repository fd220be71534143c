"""Pipeline `ship`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.evaluate.pipeline import model_to_judge
from saga_kedro.pipelines.ship.nodes import ship


def create_pipeline(**_) -> Pipeline:
    """A model that was trained and judged -> the weights that come with the package, and their card."""
    shipped = pipeline(
        [
            node(
                ship,
                inputs=["model_summary", "settings", "manifest", "pairs", "headline"],
                outputs="model_card",
                name="ship",
            )
        ]
    )
    return model_to_judge() + shipped
