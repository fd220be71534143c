"""Nodes of the pipeline `fit`."""

from __future__ import annotations

from typing import Any

import pandas as pd


def fit(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    text_index: pd.DataFrame,
    text_states_file: str,
    latents: dict[str, Any],
    data_version: str,
    parameters: dict[str, Any],
    model_folder: str,
) -> dict[str, Any]:
    """Train a model, or go on with a training that was killed, or find that it is finished.

    Args:
        clips: resampled clips.
        captions: of their windows.
        text_index, text_states_file: the states of the captions.
        latents: where the cache of latents is, if there is one.
        data_version: of the clips.
        parameters: all of them.
        model_folder: of this training: checkpoints, the saved model.

    Returns:
        What is to be known of the model: folder, weights' hash, steps, yardsticks.
    """
    import mlflow

    from saga_kedro import tracking
    from saga_kedro.parameters import validate
    from saga_kedro.training.cache import cache_of
    from saga_kedro.training.devices import devices_per_node
    from saga_kedro.training.fit import finished, fit
    from saga_kedro.training.logged_model import log_model
    from saga_kedro.training.processes import fit_in_processes
    from saga_kedro.training.text_states import read_states

    run_id = tracking.own_run(data_version)
    checked = validate(parameters)
    summary = finished(model_folder, data_version, checked.fit.steps)
    if summary is None:
        cache = cache_of(latents, checked, data_version, captions)
        if devices_per_node(checked.fit) * checked.fit.nodes > 1:
            tables = {"clips": clips, "captions": captions, "text_index": text_index}
            job = {"text_states_file": text_states_file, "data_version": data_version, "run_id": run_id, "latents": cache}
            summary = fit_in_processes(tables, checked, model_folder, job)
        else:
            states = {} if cache else read_states(text_index, text_states_file)
            summary = fit(clips, captions, states, checked, model_folder, data_version, run_id, latents=cache)
        tracking.keep_curves(run_id, summary["folder"])
        log_model(summary["folder"])
    elif tracking.is_gone(summary["run_id"]):
        tracking.restore_curves(run_id, summary["folder"])
        log_model(summary["folder"])
        summary["run_id"] = run_id
    mlflow.set_tag(tracking.WEIGHTS, summary["weights"])
    return summary
