"""The checkpoint that the issue `start` starts from if none is given: a small text-to-audio DiT, trained here."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from saga_kedro.audit.data import AuditData
from saga_kedro.audit.training import train
from saga_kedro.files import atomic_path
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Parameters

TEXT_TO_AUDIO = {"fit.drop_z_l": 1.0, "model.conditioning.null_latent": 0.0}
CONFIG = {"model": {"diffusion": {"diffusion_objective": "rectified_flow"}}}


def write_checkpoint(parameters: Parameters, data: AuditData, models: Path, folder: Path) -> None:
    """Train the aligned configuration with `TEXT_TO_AUDIO` once, and write its DiT as stable-audio-tools does."""
    file = folder / "model.safetensors"
    if file.exists():
        return
    trained = train(parameters, data, models)
    network = SagaSR.from_pretrained(trained.folder).network
    state = without_z_l({name: value.detach().clone() for name, value in network.dit.model.state_dict().items()})
    with atomic_path(folder / "model_config.json") as temporary:
        temporary.write_text(json.dumps(CONFIG))
    with atomic_path(file) as temporary:
        save_file({f"model.model.{name}": value for name, value in state.items()}, temporary)


def without_z_l(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The DiT without its input for z_l, [2 C, ...] inputs -> [C, ...]: it gives the same where z_l is zero.

    The library adds ``preprocess_conv`` (1 x 1) to its input before ``project_in``: one matrix, whose columns of z_t stay.
    """
    convolution, project = state["preprocess_conv.weight"], state["transformer.project_in.weight"]
    channels = convolution.shape[1] // 2
    both = project @ (torch.eye(2 * channels) + convolution[..., 0])
    narrow = {"preprocess_conv.weight": torch.zeros(channels, channels, 1), "transformer.project_in.weight": both[:, :channels]}
    return {name: value.contiguous() for name, value in {**state, **narrow}.items()}
