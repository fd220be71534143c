"""A checkpoint that is loaded into nothing, and a conditioner of another width."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from saga_kedro.model.network import SagaNetwork

PREFIX = "model.model."


def load_under_other_prefix(network: nn.Module, state: Mapping[str, Tensor]) -> int:
    """Do what the failing inference script does: load the weights under the trainer's names, not strictly.

    The trainer's module is one level deeper, so no name fits and none is loaded; ``strict=False`` keeps quiet about it.

    Args:
        network: left as it is.
        state: the weights, under the network's own names.

    Returns:
        How many tensors found their place.
    """
    result = network.load_state_dict({PREFIX + name: value for name, value in state.items()}, strict=False)
    return len(state) - len(result.unexpected_keys)


def give_tokens_another_width(network: SagaNetwork, width: int) -> None:
    """Let the roll-off tokens be ``width`` wide, as those of a conditioner that inference built for itself.

    Joining them to the text's states then fails, unless the text is as wide.
    """
    build_context, other = network.build_context, nn.Linear(network.text_width, width).requires_grad_(False)
    network.build_context = lambda text, tokens, dropped: build_context(text, other(tokens), dropped)
