"""The saved model as an MLflow model, which `mlflow.pyfunc.load_model` loads anywhere."""

import warnings
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

from saga_kedro.model.saved import CONFIG, WEIGHTS


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


def log_model(folder: str | Path) -> None:
    """Log the model saved in ``folder`` to the active run, as a file of code and its weights; nothing is pickled."""
    import saga_kedro
    from saga_kedro.training import served_model

    with warnings.catch_warnings():
        # MLflow asks for an example of an input and for type hints; the signature holds the same
        warnings.simplefilter("ignore", UserWarning)
        mlflow.pyfunc.log_model(
            name="model",
            python_model=served_model.__file__,
            artifacts={name: str((Path(folder) / name).resolve()) for name in (WEIGHTS, CONFIG)},
            signature=signature(),
            pip_requirements=[f"saga-kedro=={saga_kedro.__version__}"],
        )
