"""The pipelines that `kedro run --pipeline` knows."""

from __future__ import annotations

from kedro.pipeline import Pipeline, pipeline

from saga_kedro.pipelines import (
    audit,
    audit_report,
    caption,
    caption_pairs,
    degrade,
    encode,
    evaluate,
    fit,
    ingest,
    report,
    resample,
    ship,
    sweep,
    targets,
)
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge


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
        "report": report.create_pipeline(),
        "targets": targets.create_pipeline(),
    }
    # Alone, `evaluate` takes the model that evaluate.model names; in `train` it waits for the one that is being trained.
    train = pipeline(sum(steps.values(), pipeline([])) - model_to_judge(), inputs={"model_summary": "fit_summary"})
    # Pairs that came as pairs need no training: what is left is to gather, caption and score them.
    of_pairs = ("ingest", "resample", "degrade", "caption_pairs", "evaluate", "report", "targets")
    evaluate_pairs = sum((steps[name] for name in of_pairs), pipeline([]))
    # An audit trains and scores its arms itself; what it needs is clips, captions and pairs.
    of_audit = ("ingest", "resample", "caption", "degrade", "caption_pairs")
    audit_from_nothing = sum((steps[name] for name in of_audit), pipeline([])) + audit.create_pipeline()
    uses = {
        "ship": ship.create_pipeline(),
        "audit": audit_from_nothing,
        "audit_report": audit_report.create_pipeline(),
        "sweep": sweep.create_pipeline() + model_to_judge(),
    }
    return {**steps, **uses, "train": train, "evaluate_pairs": evaluate_pairs, "__default__": train}
