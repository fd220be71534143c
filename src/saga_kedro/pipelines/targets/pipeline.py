"""Pipeline `targets`: logs the paper's numbers to MLflow, beside ours."""

from kedro.pipeline import Pipeline, node

from saga_kedro.reporting.mlflow_views import log_targets


def create_pipeline(**_) -> Pipeline:
    return Pipeline([node(log_targets, ["paper_targets", "mlflow_experiment"], "paper_lsd", name="log_targets")])
