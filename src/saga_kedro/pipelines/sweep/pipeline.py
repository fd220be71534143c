"""Pipeline `sweep`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.sweep.nodes import sweep


def create_pipeline(**_) -> Pipeline:
    """A saved model and evaluation pairs -> a table of settings and scores."""
    return pipeline(
        [
            node(
                sweep,
                inputs=["pairs", "pair_captions", "model_summary", "settings", "audit_folders", "mlflow_experiment"],
                outputs="sweep_table",
                name="sweep",
            )
        ]
    )
