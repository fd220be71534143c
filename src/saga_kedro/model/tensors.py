"""Read weights: safetensors, and PyTorch's checkpoints without running code in them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.weights import MissingWeights

DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "BOOL": np.bool_}
"""NumPy's of those of safetensors that tables have."""


def find(folder: Path) -> Path:
    """The checkpoint in a folder: model.safetensors, model.ckpt, or the only file with one of these suffixes."""
    for name in ("model.safetensors", "model.ckpt"):
        if (folder / name).exists():
            return folder / name
    found = sorted([*folder.glob("*.safetensors"), *folder.glob("*.ckpt")])
    if len(found) != 1:
        raise MissingWeights(f"{folder} holds {len(found)} checkpoints: name the right one model.safetensors or model.ckpt.")
    return found[0]


def read(path: Path, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Tensors of a .safetensors file, or a PyTorch checkpoint (its ``state_dict`` if it has one); `MissingWeights` if
    unreadable.

    If names begin with one of ``only``, the others are not read: they may be gigabytes.
    """
    import torch

    if path.suffix != ".safetensors":
        content = read_checkpoint(path)
        state = content.get("state_dict", content)
        return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}

    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            inner = [name for name in names if only and _uncompiled(name).startswith(only)]
            return {_uncompiled(name): file.get_tensor(name) for name in inner or names}
    except Exception as error:
        raise _unreadable(path, error) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a PyTorch checkpoint; `MissingWeights` if it cannot be read."""
    import torch

    try:
        content = dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise _unreadable(path, error) from error
    if isinstance(state := content.get("state_dict"), Mapping):
        content["state_dict"] = {_uncompiled(name): value for name, value in state.items()}
    return {_uncompiled(name): value for name, value in content.items()}


def _uncompiled(name: str) -> str:
    """A tensor's name without what `torch.compile` puts into it."""
    return name.replace("_orig_mod.", "")


def misfits(own: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Differences between a file's tensors and those to fill, by name and shape."""
    return [
        *(f"{name} is missing" for name in own if name not in given),
        *(f"{name} has no place" for name in given if name not in own),
        *(
            f"{name} is {list(given[name].shape)} instead of {list(value.shape)}"
            for name, value in own.items()
            if name in given and given[name].shape != value.shape
        ),
    ]


def places(weights: Path) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors file, with the place of each tensor, and the byte at which the tensors begin."""
    with open(weights, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def read_arrays(weights: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some tensors of a .safetensors file as arrays, without PyTorch and safetensors, which a browser lacks; ValueError if one
    is absent."""
    header, begin = places(weights)
    lacking = sorted(set(names) - set(header))
    if lacking:
        raise ValueError(f"{weights} has no {', '.join(lacking)}: export it again.")
    arrays = {}
    for name in names:
        first, last = header[name]["data_offsets"]
        dtype = np.dtype(DTYPES[header[name]["dtype"]])
        flat = np.fromfile(weights, dtype, (last - first) // dtype.itemsize, offset=begin + first)
        arrays[name] = flat.reshape(header[name]["shape"])
    return arrays


def _unreadable(path: Path, error: Exception) -> MissingWeights:
    return MissingWeights(f"{path} is no readable checkpoint ({type(error).__name__}): download it again.")
