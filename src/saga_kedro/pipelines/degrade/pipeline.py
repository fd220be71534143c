"""Pipeline `degrade`: clips of the test split, and pairs that came as pairs, to evaluation pairs."""

from kedro.pipeline import Pipeline, node

from saga_kedro.evaluation.pairs import make_pairs


def create_pipeline(**_) -> Pipeline:
    inputs = ["clips", "pair_table", "degrade_settings", "pairs_folder"]
    return Pipeline([node(make_pairs, inputs, ["pairs", "not_paired"], name="make_evaluation_pairs")])
