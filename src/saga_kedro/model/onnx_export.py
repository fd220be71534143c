"""Export the trained network as an ONNX graph for `onnx_model`. Its weights stay in ``model.safetensors``, in the precision of
that file; the graph computes in float32."""

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from saga_kedro.draws import generator
from saga_kedro.files import atomic_path, content_hash
from saga_kedro.model.condition import Condition
from saga_kedro.model.onnx_model import INPUTS, OnnxSagaSR
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, GRAPH, HASHES, WEIGHTS
from saga_kedro.model.tensors import places

ITEMS = 3  # of the example: no other dimension has that size
LARGEST_ERROR = 1e-4
DTYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}


class _Graph(nn.Module):
    """The network as a function of arrays, for a model without captions."""

    def __init__(self, model: SagaSR) -> None:
        super().__init__()
        self.network = model.network
        self.text_shape = (model.text_encoder.max_tokens, model.text_encoder.width)

    def forward(self, z_t: Tensor, t: Tensor, z_l: Tensor, f_l: Tensor, f_h: Tensor, *dropped: Tensor) -> Tensor:
        text = z_l.new_zeros((z_l.shape[0], *self.text_shape))
        return self.network(z_t, t, Condition(z_l, text, f_l, f_h), *dropped)


def export_onnx(model: SagaSR, folder: str | Path) -> None:
    """Write ``model.onnx`` beside the weights that ``save_pretrained`` wrote, and the hashes of both into ``saga_sr.json``.

    A ValueError if the model takes captions, or if ONNX Runtime's velocities differ from PyTorch's by more than 1e-4.
    """
    folder = Path(folder)
    if model.takes_prompts:
        raise ValueError("A model that takes captions has no ONNX graph: its text encoder would have to be in it.")
    example = _example(model)
    graph = _traced(model, example)
    _refer_to_weights(graph, folder / WEIGHTS)
    with atomic_path(folder / GRAPH) as path:
        onnx.save(graph, path)
    config = json.loads((folder / CONFIG).read_text())
    config[HASHES] = {name: content_hash(folder / name) for name in (GRAPH, WEIGHTS)}
    with atomic_path(folder / CONFIG) as path:
        path.write_text(json.dumps(config, indent=2) + "\n")
    _check(folder, example)


def _example(model: SagaSR) -> dict[str, Tensor]:
    source = generator("onnx example")
    shape = (ITEMS, model.codec.latent_channels, model.segment_frames)
    z_t, z_l = (torch.randn(shape, generator=source) for _ in range(2))
    f_l, t = torch.rand(2, ITEMS, generator=source)
    no = torch.zeros(ITEMS, dtype=torch.bool)
    return dict(zip(INPUTS, (z_t, t, z_l, f_l, torch.tensor([-1.0, 0.2, 0.9]), no, no.clone()), strict=True))


def _traced(model: SagaSR, example: dict[str, Tensor]) -> onnx.ModelProto:
    batch = {0: torch.export.Dim.DYNAMIC}
    shapes = tuple(batch for _ in INPUTS[:-2])
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the tracer finds in the library's code
        program = torch.onnx.export(
            _Graph(model).eval(),
            tuple(example.values()),
            input_names=INPUTS,
            output_names=["v"],
            dynamic_shapes=(*shapes, (batch, batch)),
            dynamo=True,
            optimize=False,  # ONNX Runtime does that; here it would turn weights into others than the saved ones
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    graph = model.graph
    # notes on each node's origin: twenty times the graph, and full of the machine's paths
    del graph.value_info[:], model.metadata_props[:]
    for note in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        del note.metadata_props[:]
        note.doc_string = ""
    return model


def _refer_to_weights(model: onnx.ModelProto, weights: Path) -> None:
    """Let the graph read its weights from a file of safetensors, and cast half precision to float32."""
    located, begin = places(weights)
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.name not in located:
            continue
        place = located[tensor.name]
        if list(tensor.dims) != place["shape"]:
            raise ValueError(f"{tensor.name} is {list(tensor.dims)} in the graph and {place['shape']} in {weights}.")
        first, last = place["data_offsets"]
        name, dims = tensor.name, list(tensor.dims)
        tensor.Clear()
        tensor.dims.extend(dims)
        tensor.data_type = DTYPES[place["dtype"]]
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": weights.name, "offset": begin + first, "length": last - first}.items():
            tensor.external_data.add(key=key, value=str(value))
        tensor.name = name if place["dtype"] == "F32" else f"{name}.half"
        if place["dtype"] != "F32":
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT, name=f"cast {name}"))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _check(folder: Path, example: dict[str, Tensor]) -> None:
    """Compare ONNX Runtime's velocities with PyTorch's, both from the saved weights."""
    with torch.no_grad():
        expected = _Graph(SagaSR.from_pretrained(folder)).eval()(*example.values()).numpy()
    given = {name: value.numpy() for name, value in example.items()}
    found = OnnxSagaSR(folder).session.run(None, given)[0]
    error = float(np.abs(found - expected).max())
    if not error <= LARGEST_ERROR * max(1.0, float(np.abs(expected).max())):
        raise ValueError(f"ONNX Runtime's velocities differ from PyTorch's by {error:.2g}: {folder / GRAPH} is not to be used.")
