"""A saved model: the files in its folder, and the check that they are whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saga_kedro.files import atomic_path, content_hash

WEIGHTS = "model.safetensors"
CONFIG = "saga_sr.json"
GRAPH = "model.onnx"
HASHES = "hashes"
SHIPPED = Path(__file__).parents[1] / "pretrained"


def read_config(folder: str | Path | None, needs: tuple[str, ...] = (CONFIG, WEIGHTS)) -> tuple[Path, dict[str, Any]]:
    """The folder of a model (None: the bundled one) and its configuration.

    FileNotFoundError where a file is missing, ValueError where one has changed since the model was exported.
    """
    if folder is None and not (SHIPPED / WEIGHTS).is_file():
        raise FileNotFoundError(
            "This installation of saga_kedro comes without weights: name the folder of a model that you trained "
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


def write_model(folder: str | Path, config: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a model's configuration and tensors into ``folder``, each file whole or not at all."""
    from safetensors.torch import save_file

    folder = Path(folder)
    with atomic_path(folder / WEIGHTS) as path:
        save_file(dict(state), path, metadata={"format": "pt"})
    with atomic_path(folder / CONFIG) as path:
        path.write_text(json.dumps({name: of for name, of in config.items() if name != HASHES}, indent=2) + "\n")
    (folder / GRAPH).unlink(missing_ok=True)  # it was of other weights
