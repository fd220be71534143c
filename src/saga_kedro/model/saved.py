"""A model in a folder: its files, and whether they are whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.files import content_hash

WEIGHTS = "model.safetensors"
CONFIG = "saga_sr.json"
GRAPH = "model.onnx"
HASHES = "hashes"
"""Where a configuration keeps the hashes of the files beside it."""
SHIPPED = Path(__file__).parents[1] / "pretrained"
"""The weights that come with the package."""


def read_config(folder: str | Path | None, needs: tuple[str, ...] = (CONFIG, WEIGHTS)) -> tuple[Path, dict[str, Any]]:
    """The folder of a model, and its configuration, once all files are there and whole.

    Args:
        folder: None is the model that comes with the package.
        needs: the files.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not what it was when the model was exported.
    """
    if folder is None and not (SHIPPED / WEIGHTS).is_file():
        raise FileNotFoundError(
            "This installation of saga_kedro has no weights of its own: name the folder of a model that you trained "
            "(`kedro run --pipeline train` writes data/06_models/<dataset>/<run>)."
        )
    folder = Path(folder or SHIPPED)
    for name in needs:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"There is no {name} in {folder}: give a folder that a training run exported.")
    config = json.loads((folder / CONFIG).read_text())
    for name, known in config.get(HASHES, {}).items():
        if name in needs and content_hash(folder / name) != known:
            raise ValueError(
                f"{folder / name} is damaged or of another model: its hash is not the one in {CONFIG}; export it again."
            )
    return folder, config


def places(weights: Path) -> tuple[dict[str, Any], int]:
    """Where each tensor lies in a file of safetensors: its header, and the byte at which the tensors begin.

    (The format is eight bytes with the header's length, the header as JSON, the tensors.)
    """
    with open(weights, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "BOOL": np.bool_}
"""NumPy's of those of safetensors that tables have."""


def read_tensors(weights: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Some tensors of a file, read without the package safetensors, which a browser does not have.

    Raises:
        ValueError: the file lacks one.
    """
    header, begin = places(weights)
    lacking = sorted(set(names) - set(header))
    if lacking:
        raise ValueError(f"{weights} has no {', '.join(lacking)}: export it again.")
    tensors = {}
    for name in names:
        first, last = header[name]["data_offsets"]
        dtype = np.dtype(DTYPES[header[name]["dtype"]])
        flat = np.fromfile(weights, dtype, (last - first) // dtype.itemsize, offset=begin + first)
        tensors[name] = flat.reshape(header[name]["shape"])
    return tensors
