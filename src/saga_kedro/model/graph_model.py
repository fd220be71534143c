"""SAGA-SR with its network as an ONNX graph, whatever computes that: ONNX Runtime here, or a browser's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga_kedro.model import tensors
from saga_kedro.model.condition import Condition
from saga_kedro.model.saved import CONFIG, GRAPH, WEIGHTS, read_config
from saga_kedro.model.super_resolver import SuperResolver

INPUTS = ("z_t", "t", "z_l", "f_l", "f_h", "drop_z_l", "drop_context")  # of the graph


class GraphSagaSR(SuperResolver):
    """A saved model without the computation of its network.

    ``folder`` holds ``model.onnx``, ``model.safetensors`` (with the graph's weights) and ``saga_sr.json``; None is the bundled
    model. Errors are `read_config`'s.
    """

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

    def network(
        self,
        z_t: np.ndarray,
        t: np.ndarray,
        condition: Condition,
        drop_z_l: np.ndarray | None = None,
        drop_context: np.ndarray | None = None,
    ) -> np.ndarray:
        none = np.zeros(len(z_t), bool)
        dropped = (none if drop is None else drop for drop in (drop_z_l, drop_context))
        given = zip(INPUTS, (z_t, t, condition.z_l, condition.f_l, condition.f_h, *dropped), strict=True)
        return self.answer({name: np.ascontiguousarray(value) for name, value in given})
