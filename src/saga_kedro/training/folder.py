"""The folder of a training: the version of its data, its checkpoints, and its summary when it is finished."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from saga_kedro.files import atomic_path
from saga_kedro.model.saved import WEIGHTS

logger = logging.getLogger(__name__)

SUMMARY = "fit.json"


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints beside their place, then renamed: Lightning writes aside to /tmp, and copies from there to another device."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)


def finished(folder: str | Path, data_version: str, steps: int) -> dict[str, Any] | None:
    """What ``fit`` returned for this folder, if that training was of this data and came to its end."""
    path = Path(folder) / SUMMARY
    if not path.exists() or not (path.parent / WEIGHTS).exists():
        return None
    summary = json.loads(path.read_text())
    return summary if (summary["data_version"], summary["steps"]) == (data_version, steps) else None


def begin(folder: Path, data_version: str) -> None:
    """Note which data a training is of; one that was begun on other data is removed, and half a checkpoint of a killed one."""
    for half in (folder / "training").glob(".*.ckpt"):
        half.unlink()
    began = folder / "training" / "began.json"
    if began.exists() and json.loads(began.read_text())["data_version"] != data_version:
        logger.warning("The data changed since this training began: it begins anew.")
        shutil.rmtree(folder)
    with atomic_path(began) as temporary:
        temporary.write_text(json.dumps({"data_version": data_version}))
