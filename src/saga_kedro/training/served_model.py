"""The code that MLflow runs when it loads a logged model."""

from pathlib import Path
from typing import Any

import mlflow.models
import numpy as np
from mlflow.pyfunc import PythonModel

from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import WEIGHTS


class ServedModel(PythonModel):
    """`SagaSR.super_resolve` behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        self.model = SagaSR.from_pretrained(Path(context.artifacts[WEIGHTS]).parent)

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """float32 [samples, channels] -> float32 [samples, channels] at 44.1 kHz; ``params`` as in the signature."""
        asked = dict(params or {})
        audio = np.asarray(model_input["audio"] if isinstance(model_input, dict) else model_input, np.float32)
        rolloff = asked.get("rolloff", -1.0)
        high = self.model.super_resolve(
            audio.T,
            int(asked.get("sample_rate", 44_100)),
            rolloff=None if rolloff < 0 else rolloff,
            steps=int(asked.get("steps", 0)) or None,
            seed=int(asked.get("seed", 0)),
        )
        return high.T


mlflow.models.set_model(ServedModel())
