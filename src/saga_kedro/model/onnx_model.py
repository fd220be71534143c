"""SAGA-SR in ONNX Runtime, for use without training. It does not need torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from saga_kedro.model.graph_model import GraphSagaSR
from saga_kedro.model.saved import GRAPH

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}


class OnnxSagaSR(GraphSagaSR):
    """`SuperResolver` with its network in ONNX Runtime.

    ``device`` is cpu, cuda, coreml or dml; one without a provider here, or a damaged graph, is a ValueError.
    """

    def __init__(self, folder: str | Path | None = None, device: str = "cpu") -> None:
        super().__init__(folder)
        if PROVIDERS.get(device) not in onnxruntime.get_available_providers():
            raise ValueError(f"This ONNX Runtime computes on {', '.join(devices())}, not on {device}.")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it keeps what it ever took
        # threads that wait for work take the time of what is computed around the network
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(self.folder / GRAPH, options, providers=[PROVIDERS[device]])
        except Exception as error:  # its exceptions have no common class but this one
            raise ValueError(
                f"{self.folder / GRAPH} cannot be loaded ({str(error).splitlines()[0]}): export it again."
            ) from error

    def answer(self, given: dict[str, np.ndarray]) -> np.ndarray:
        return self.session.run(None, given)[0]


def devices() -> list[str]:
    """The devices on which this ONNX Runtime can compute."""
    available = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in available]
