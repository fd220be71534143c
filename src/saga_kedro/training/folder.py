"""The folder of a training: its key, its checkpoints, and its summary when it is finished."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.files import atomic_path, parameter_hash
from saga_kedro.model.saved import WEIGHTS
from saga_kedro.parameters import Parameters
from saga_kedro.stages import key

logger = logging.getLogger(__name__)

SUMMARY = "fit.json"


def key_of(stage: str, parameters: Parameters, data_version: str, captions: pd.DataFrame) -> str:
    """The key of a training or of its latents: of parameters, code, clips and captions."""
    return key(stage, parameters, parameter_hash(data_version, list(captions["caption"])))


def finished(folder: str | Path, key: str) -> dict[str, Any] | None:
    """What `fit` returned for this folder, if a training with this key has ended there."""
    path = Path(folder) / SUMMARY
    if not path.exists() or not (path.parent / WEIGHTS).exists():
        return None
    summary = json.loads(path.read_text())
    return summary if summary.get("key") == key else None


def begin(folder: Path, key: str) -> None:
    """Note a training's key; remove a training with another key, and half-written checkpoints."""
    for half in (folder / "training").glob(".*.ckpt"):
        half.unlink()
    began = folder / "training" / "began.json"
    if began.exists() and json.loads(began.read_text()) != {"key": key}:
        logger.warning("The data, the parameters or the code changed since this training began: it begins anew.")
        shutil.rmtree(folder)
    with atomic_path(began) as temporary:
        temporary.write_text(json.dumps({"key": key}))
