"""Pipeline `degrade`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.evaluation.pairs import make_pairs


def create_pipeline(**_) -> Pipeline:
    """Clips of the test split, and pairs that came as pairs -> evaluation pairs."""
    inputs = ["clips", "pair_table", "degrade_settings", "pairs_folder"]
    return Pipeline([node(make_pairs, inputs, ["pairs", "not_paired"], name="make_evaluation_pairs")])
