"""Pipeline `train`: audio to a trained model, its scores and its report.

Alone, `evaluate` takes the model that evaluate.model names; here it takes the one that `fit` has just trained.
"""

from kedro.pipeline import Pipeline, pipeline

from saga_kedro.pipelines import caption, caption_pairs, degrade, encode, evaluate, fit, ingest, report, resample, targets
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge

STEPS = (ingest, resample, caption, degrade, caption_pairs, encode, fit, evaluate, report, targets)


def create_pipeline(**_) -> Pipeline:
    whole = sum((step.create_pipeline() for step in STEPS), Pipeline([]))
    return pipeline(whole - model_to_judge(), inputs={"model_summary": "fit_summary"})
