"""SAGA-SR with its network as an ONNX graph, computed by ONNX Runtime or a browser. It does not need torch."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga_kedro.model import tensors
from saga_kedro.model.condition import Condition
from saga_kedro.model.saved import CONFIG, GRAPH, WEIGHTS, read_config
from saga_kedro.model.super_resolver import SuperResolver

INPUTS = ("z_t", "t", "z_l", "f_l", "f_h", "drop_z_l", "drop_context")  # of the graph
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}


class GraphSagaSR(SuperResolver):
    """A saved model without the computation of its network; None is the bundled one. Errors are `read_config`'s."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder, config = read_config(folder, (CONFIG, WEIGHTS, GRAPH))
        super().__init__(config)
        tables = self.tables()
        for name, value in tensors.read_arrays(self.folder / WEIGHTS, tables).items():
            tables[name][...] = value

    @abstractmethod
    def answer(self, given: dict[str, np.ndarray]) -> np.ndarray:
        """The graph's output for these inputs."""

    def array(self, audio: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(audio, np.float32)

    def text(self, captions: Sequence[str]) -> np.ndarray:
        return np.zeros((len(captions), 0, 0), np.float32)

    def network(self, z_t: np.ndarray, t: np.ndarray, condition: Condition, *dropped: np.ndarray) -> np.ndarray:
        none = np.zeros(len(z_t), bool)
        given = (z_t, t, condition.z_l, condition.f_l, condition.f_h, *(dropped or (none, none)))
        return self.answer({name: np.ascontiguousarray(value) for name, value in zip(INPUTS, given, strict=True)})


class OnnxSagaSR(GraphSagaSR):
    """`GraphSagaSR` in ONNX Runtime; ValueError for a damaged graph, or a device without a provider here."""

    def __init__(self, folder: str | Path | None = None, device: str = "cpu") -> None:
        import onnxruntime  # a browser has none

        super().__init__(folder)
        if device not in devices():
            raise ValueError(f"This ONNX Runtime computes on {', '.join(devices())}, not on {device}.")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it keeps what it ever took
        # threads that wait for work take the time of what is computed around the network
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = self.folder / GRAPH
        try:
            self.session = onnxruntime.InferenceSession(graph, options, providers=[PROVIDERS[device]])
        except Exception as error:  # its exceptions have no common class but this one
            raise ValueError(f"{graph} cannot be loaded ({str(error).splitlines()[0]}): export it again.") from error

    def answer(self, given: dict[str, np.ndarray]) -> np.ndarray:
        return self.session.run(None, given)[0]


def devices() -> list[str]:
    """The devices on which this ONNX Runtime can compute."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in available]
