"""Pipeline `evaluate_pairs`."""

from kedro.pipeline import Pipeline

from saga_kedro.pipelines import caption_pairs, degrade, evaluate, ingest, report, resample, targets

STEPS = (ingest, resample, degrade, caption_pairs, evaluate, report, targets)


def create_pipeline(**_) -> Pipeline:
    """Given pairs -> scores and a report; no training: what is left is to gather, caption and score them."""
    return sum((step.create_pipeline() for step in STEPS), Pipeline([]))
