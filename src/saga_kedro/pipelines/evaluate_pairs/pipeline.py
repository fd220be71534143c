"""Pipeline `evaluate_pairs`: scores a model, and other systems, on pairs that came as pairs. Nothing is trained."""

from kedro.pipeline import Pipeline

from saga_kedro.pipelines import caption_pairs, degrade, evaluate, ingest, report, resample, targets

STEPS = (ingest, resample, degrade, caption_pairs, evaluate, report, targets)


def create_pipeline(**_) -> Pipeline:
    return sum((step.create_pipeline() for step in STEPS), Pipeline([]))
