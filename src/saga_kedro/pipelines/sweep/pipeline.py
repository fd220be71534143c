"""Pipeline `sweep`: samples a trained model with different settings and tabulates the scores."""

from kedro.pipeline import Pipeline, node

from saga_kedro.audit.sweep import sweep
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge


def create_pipeline(**_) -> Pipeline:
    inputs = ["pairs", "pair_captions", "model_summary", "settings", "audit_records_folder", "mlflow_experiment"]
    scored = node(sweep, inputs, "sweep_table", name="sweep", tags=["weights.text", "weights.codec"])
    return model_to_judge() + Pipeline([scored])
