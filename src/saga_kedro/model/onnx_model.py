"""SAGA-SR in ONNX Runtime: what is used where nothing is trained. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from safetensors import safe_open

from saga_kedro.model.condition import Condition
from saga_kedro.model.parts import part
from saga_kedro.model.saved import CONFIG, GRAPH, WEIGHTS, read_config
from saga_kedro.model.super_resolver import SuperResolver

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}
"""What computes for which ``--device``."""


class OnnxSagaSR(SuperResolver):
    """The network as an ONNX graph, with all that `SuperResolver` has around it.

    Args:
        folder: holds ``model.onnx``, ``model.safetensors`` (in which the graph looks for its weights) and ``saga_sr.json``;
            None is the model that comes with the package.
        device: cpu, cuda, coreml or dml.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged; ONNX Runtime has no provider for that device.
    """

    def __init__(self, folder: str | Path | None = None, device: str = "cpu") -> None:
        folder, config = read_config(folder, (CONFIG, WEIGHTS, GRAPH))
        if PROVIDERS.get(device) not in onnxruntime.get_available_providers():
            raise ValueError(f"This ONNX Runtime computes on {', '.join(devices())}, not on {device}.")
        self.set_up(config)
        with safe_open(folder / WEIGHTS, "numpy") as file:
            for name, table in self.tables().items():
                table[...] = file.get_tensor(name)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it keeps what it ever took
        # threads that wait for work take the time of what is computed around the network
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self.session = onnxruntime.InferenceSession(folder / GRAPH, options, providers=[PROVIDERS[device]])
        except Exception as error:  # its exceptions have no common class but this one
            raise ValueError(f"{folder / GRAPH} cannot be loaded ({str(error).splitlines()[0]}): export it again.") from error

    def velocity(self, z_t: np.ndarray, t: float, condition: Condition, setting: Mapping[str, Any]) -> np.ndarray:
        guidance = part("guidance", setting["guidance"])
        return guidance(self._network, z_t, np.full(len(z_t), t, np.float32), condition, setting["s_a"], setting["s_t"])

    def array(self, audio: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(audio, np.float32)

    def text(self, captions: Sequence[str]) -> np.ndarray:
        return np.zeros((len(captions), 0, 0), np.float32)

    def _network(
        self,
        z_t: np.ndarray,
        t: np.ndarray,
        condition: Condition,
        drop_z_l: np.ndarray | None = None,
        drop_context: np.ndarray | None = None,
    ) -> np.ndarray:
        """`SagaNetwork.forward`."""
        none = np.zeros(len(z_t), bool)
        given = {
            "z_t": z_t,
            "t": t,
            "z_l": condition.z_l,
            "f_l": condition.f_l,
            "f_h": condition.f_h,
            "drop_z_l": none if drop_z_l is None else drop_z_l,
            "drop_context": none if drop_context is None else drop_context,
        }
        return self.session.run(None, {name: np.ascontiguousarray(value) for name, value in given.items()})[0]


def devices() -> list[str]:
    """The devices on which this ONNX Runtime can compute."""
    available = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in available]
