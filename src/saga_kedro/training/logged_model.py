"""The saved model as an MLflow model, which `mlflow.pyfunc.load_model` loads anywhere."""

import warnings
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

from saga_kedro.locks import store_lock
from saga_kedro.model.saved import CONFIG, WEIGHTS
from saga_kedro.tracking import DATA_VERSION, active_run_id

BEST, LOSS = "best", "val/loss"


def signature() -> ModelSignature:
    """float32 [samples, channels] at 44.1 kHz in and out; how to sample as parameters."""
    audio = Schema([TensorSpec(np.dtype(np.float32), (-1, -1), "audio")])
    parameters = ParamSchema(
        [
            ParamSpec("sample_rate", "integer", 44_100),
            ParamSpec("rolloff", "double", -1.0),  # negative: as the model was configured
            ParamSpec("steps", "integer", 0),  # 0: as the model was configured
            ParamSpec("seed", "long", 0),
        ]
    )
    return ModelSignature(inputs=audio, outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, -1))]), params=parameters)


def log_model(folder: str | Path, dataset: str) -> None:
    """Log the model saved in ``folder`` to the active run, and register it as a version of ``saga-<dataset>``.

    The alias ``best`` moves to it if its validation loss is lower, or the data changed. Nothing is pickled.
    """
    import saga_kedro
    from saga_kedro.training import served_model

    client, model = mlflow.MlflowClient(), f"saga-{dataset}"
    run = client.get_run(active_run_id()).data
    tags = {LOSS: str(run.metrics.get(LOSS, "inf")), DATA_VERSION: run.tags.get(DATA_VERSION, "")}
    with store_lock(), warnings.catch_warnings():
        # MLflow asks for an example of an input and for type hints; the signature holds the same
        warnings.simplefilter("ignore", UserWarning)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=served_model.__file__,
            artifacts={name: str((Path(folder) / name).resolve()) for name in (WEIGHTS, CONFIG)},
            signature=signature(),
            pip_requirements=[f"saga-kedro=={saga_kedro.__version__}"],
        )
        version = mlflow.register_model(logged.model_uri, model, tags=tags).version
        best = client.get_registered_model(model).aliases.get(BEST)
        known = client.get_model_version(model, best).tags if best else {}
        if known.get(DATA_VERSION) != tags[DATA_VERSION] or float(tags[LOSS]) < float(known[LOSS]):
            client.set_registered_model_alias(model, BEST, version)
