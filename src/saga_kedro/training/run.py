"""A training as a run of the project: in this process or in one a device, and logged."""

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro import tracking
from saga_kedro.parameters import Parameters
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.encode import cache_of, read_states
from saga_kedro.training.fit import fit
from saga_kedro.training.folder import finished, key_of
from saga_kedro.training.logged_model import log_model
from saga_kedro.training.processes import fit_in_processes


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

    Arguments are those of `fit`, and the results of `encode_text` and `encode_latents`. Curves and the model go to
    ``mlflow_run``, also from the folder of a finished training whose own run was deleted.

    Returns:
        The summary that `fit` returns, and the hash of the weights as a tag of the run.
    """
    summary = finished(model_folder, key_of("fit", parameters, data_version, captions))
    if summary is None:
        cache = cache_of(latents, parameters, data_version, captions)
        if devices_per_node(parameters.fit) * parameters.fit.nodes > 1:
            tables = {"clips": clips, "captions": captions, "text_index": text_index}
            job = {"data_version": data_version, "run_id": mlflow_run, "latents": cache}
            job["text_states_file"] = str(text_states_file)
            summary = fit_in_processes(tables, parameters, model_folder, job)
        else:
            states = {} if cache else read_states(text_index, text_states_file)
            summary = fit(clips, captions, states, parameters, model_folder, data_version, mlflow_run, latents=cache)
        tracking.keep_curves(mlflow_run, summary["folder"])
        log_model(summary["folder"], parameters.dataset_name)
    elif tracking.is_gone(summary["run_id"]):
        tracking.restore_curves(mlflow_run, summary["folder"])
        log_model(summary["folder"], parameters.dataset_name)
        summary["run_id"] = mlflow_run
    return summary, tracking.Logged(tags={tracking.WEIGHTS: summary["weights"]})
