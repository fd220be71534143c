"""The pipelines that `kedro run --pipeline` knows."""

from __future__ import annotations

from kedro.pipeline import Pipeline, pipeline

from saga_kedro.pipelines import caption, caption_pairs, degrade, encode, evaluate, fit, ingest, resample


def register_pipelines() -> dict[str, Pipeline]:
    """Name -> pipeline. ``train`` is all of them, in order, from nothing; it is the default."""
    steps = {
        "ingest": ingest.create_pipeline(),
        "resample": resample.create_pipeline(),
        "caption": caption.create_pipeline(),
        "degrade": degrade.create_pipeline(),
        "caption_pairs": caption_pairs.create_pipeline(),
        "encode": encode.create_pipeline(),
        "fit": fit.create_pipeline(),
        "evaluate": evaluate.create_pipeline(),
    }
    # Alone, `evaluate` takes the model that evaluate.model names; in `train` it waits for the one that is being trained.
    steps_to_evaluation = [step for name, step in steps.items() if name != "evaluate"]
    train = sum(steps_to_evaluation, pipeline([])) + pipeline(steps["evaluate"], inputs={"model_summary": "fit_summary"})
    # Pairs that came as pairs need no training: what is left is to gather, caption and score them.
    evaluate_pairs = sum((steps[name] for name in ("ingest", "resample", "degrade", "caption_pairs", "evaluate")), pipeline([]))
    return {**steps, "train": train, "evaluate_pairs": evaluate_pairs, "__default__": train}
