"""Initial weights drawn by parameter name, so that models that differ in one module share all other weights."""

import math

import torch
from torch import Tensor, nn

from saga_kedro.draws import generator
from saga_kedro.model.library import FourierFeatures, LearnedPositionalEmbedding


def initialise_by_name(module: nn.Module, seed: int) -> None:
    """Redraw every random initial weight of a new module in place; a draw is named ``(seed, "init", parameter name)``.

    Distributions are the library's: uniform within 1 / sqrt(fan-in) for linear layers and convolutions
    (``torch.nn.Linear.reset_parameters``), unit normal for Fourier frequencies and memory tokens; others are a TypeError.
    Constants (norms, output layers that start at zero) stay.
    """
    for prefix, child in module.named_modules():
        for name, parameter in child.named_parameters(prefix=prefix, recurse=False):
            if bool((parameter == parameter.flatten()[0]).all()):
                continue
            with torch.no_grad():
                parameter.copy_(_draw(child, name, parameter, generator(seed, "init", name)))


def _draw(owner: nn.Module, name: str, parameter: Tensor, source: torch.Generator) -> Tensor:
    shape = parameter.shape
    if isinstance(owner, nn.Linear | nn.Conv1d):
        bound = 1 / math.sqrt(owner.weight[0].numel())
        return torch.empty(shape).uniform_(-bound, bound, generator=source)
    if isinstance(owner, FourierFeatures | LearnedPositionalEmbedding) or name.endswith("memory_tokens"):
        return torch.randn(shape, generator=source)
    raise TypeError(
        f"{name} ({type(owner).__name__}) is random, but by no rule known to initialise_by_name: add its distribution."
    )
