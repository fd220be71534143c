"""Pipeline `targets`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.targets.nodes import log_targets


def create_pipeline(**_) -> Pipeline:
    """The paper's tables -> runs in MLflow to compare ours with."""
    return pipeline(
        [
            node(
                log_targets,
                inputs=["paper_targets", "mlflow_experiment"],
                outputs="paper_lsd",
                name="log_targets",
            )
        ]
    )
