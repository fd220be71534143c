"""A checkpoint that is loaded into nothing, and a conditioner of another width."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from saga_kedro.model.network import SagaNetwork

PREFIX = "model.model."


def load_under_other_prefix(network: nn.Module, state: Mapping[str, Tensor]) -> int:
    """Load the weights under the trainer's names with ``strict=False``, as the failing inference script does: how many fit.

    The trainer's module is one level deeper, so none does, and the network stays as it was.
    """
    result = network.load_state_dict({PREFIX + name: value for name, value in state.items()}, strict=False)
    return len(state) - len(result.unexpected_keys)


def give_tokens_another_width(network: SagaNetwork, width: int) -> None:
    """Make the roll-off tokens ``width`` wide, like those of inference's own conditioner: text of another width fails."""
    build_context, other = network.build_context, nn.Linear(network.text_width, width).requires_grad_(False)
    network.build_context = lambda text, tokens, dropped: build_context(text, other(tokens), dropped)
