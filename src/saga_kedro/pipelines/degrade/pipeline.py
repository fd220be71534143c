"""Pipeline `degrade`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.degrade.nodes import make_evaluation_pairs


def create_pipeline(**_) -> Pipeline:
    """Clips of the test split, and pairs that came as pairs -> evaluation pairs."""
    return pipeline(
        [
            node(
                make_evaluation_pairs,
                inputs=["clips", "pair_table", "degrade_settings", "pairs_folder"],
                outputs=["pairs", "not_paired"],
                name="make_evaluation_pairs",
            )
        ]
    )
