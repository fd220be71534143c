"""Pipeline `targets`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.reporting.mlflow_views import log_targets


def create_pipeline(**_) -> Pipeline:
    """The paper's tables -> runs in MLflow to compare ours with."""
    return Pipeline([node(log_targets, ["paper_targets", "mlflow_experiment"], "paper_lsd", name="log_targets")])
