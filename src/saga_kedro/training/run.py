"""A training as a run of the project: found finished, resumed, or begun; in this process or in one a device; logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro import tracking
from saga_kedro.parameters import Parameters
from saga_kedro.training.cache import cache_of
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.fit import fit
from saga_kedro.training.folder import finished, key_of
from saga_kedro.training.logged_model import log_model
from saga_kedro.training.processes import fit_in_processes
from saga_kedro.training.text_states import read_states


def train_model(
    clips: pd.DataFrame,
    captions: pd.DataFrame,
    text_index: pd.DataFrame,
    text_states_file: Path,
    latents: dict[str, Any],
    data_version: str,
    parameters: Parameters,
    model_folder: Path,
    mlflow_run: str,
) -> tuple[dict[str, Any], tracking.Logged]:
    """Train a model, resume an interrupted training, or find that it is finished.

    Args:
        clips: resampled clips.
        captions: of their windows.
        text_index, text_states_file: the states of the captions.
        latents: of `encode_latents`.
        data_version: of the clips.
        parameters: of the run.
        model_folder: of this training: checkpoints, the saved model.
        mlflow_run: that curves and the model go to; one that a person deleted gets them again from the folder.

    Returns:
        What is to be known of the model: folder, weights' hash, steps, key, yardsticks. And its hash, as a tag of the run.
    """
    summary = finished(model_folder, key_of("fit", parameters, data_version, captions))
    if summary is None:
        cache = cache_of(latents, parameters, data_version, captions)
        if devices_per_node(parameters.fit) * parameters.fit.nodes > 1:
            tables = {"clips": clips, "captions": captions, "text_index": text_index}
            job = {
                "text_states_file": str(text_states_file),
                "data_version": data_version,
                "run_id": mlflow_run,
                "latents": cache,
            }
            summary = fit_in_processes(tables, parameters, model_folder, job)
        else:
            states = {} if cache else read_states(text_index, text_states_file)
            summary = fit(clips, captions, states, parameters, model_folder, data_version, mlflow_run, latents=cache)
        tracking.keep_curves(mlflow_run, summary["folder"])
        log_model(summary["folder"])
    elif tracking.is_gone(summary["run_id"]):
        tracking.restore_curves(mlflow_run, summary["folder"])
        log_model(summary["folder"])
        summary["run_id"] = mlflow_run
    return summary, tracking.Logged(tags={tracking.WEIGHTS: summary["weights"]})
