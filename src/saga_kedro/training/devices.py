"""How many processes a training has, which of them writes, and on which device the others compute."""

import os

import torch

from saga_kedro.parameters import Fit


def devices_per_node(fit: Fit) -> int:
    """Processes of a training on each node: one a device."""
    if isinstance(fit.devices, list):
        return len(fit.devices)
    if fit.devices not in ("auto", "-1", -1):
        return int(fit.devices)
    return max(1, torch.cuda.device_count()) if fit.accelerator in ("auto", "gpu", "cuda") else 1


def device_of(accelerator: str) -> torch.device:
    """Where this process computes outside of trainings: on its GPU where it has one, unless ``fit.accelerator`` is cpu."""
    return torch.device("cuda" if torch.cuda.is_available() and accelerator != "cpu" else "cpu")


def is_first() -> bool:
    """Whether this process writes files and logs: the only one, or torchrun's first. (Job schedulers set RANK, too.)"""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ["RANK"] == "0"
