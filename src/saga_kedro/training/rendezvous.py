"""Where the nodes of a training meet: torchrun's c10d rendezvous, in which each node gives signs of life.

torchrun would continue without a lost node. A training cannot, so here the others end, and say why.
"""

import socket
from contextlib import suppress
from datetime import timedelta
from typing import Any

from torch.distributed.elastic.rendezvous import (
    RendezvousConnectionError,
    RendezvousInfo,
    RendezvousParameters,
    rendezvous_handler_registry,
)
from torch.distributed.elastic.rendezvous.c10d_rendezvous_backend import create_backend
from torch.distributed.elastic.rendezvous.dynamic_rendezvous import DynamicRendezvousHandler, RendezvousTimeout

from saga_kedro.errors import SagaError

BACKEND = "saga"
MEETING = 600  # s that nodes wait for each other
SIGN_OF_LIFE = 5  # s between two of them
MISSED = 5  # after so many a node counts as lost; clocks of nodes must agree better than that
GO_ON = "Start the same command again, on every node: training resumes from its last checkpoint."
ENDED = "ended"


class TrainingError(SagaError, RuntimeError):
    """A training that failed or was stopped."""


class AllNodes(DynamicRendezvousHandler):
    """A rendezvous that raises `TrainingError` as soon as a node has ended or gives no sign of life."""

    name = "A node"

    def get_backend(self) -> str:
        """The name that it is registered under."""
        return BACKEND

    def next_rendezvous(self) -> RendezvousInfo:
        """Wait for all nodes."""
        info = super().next_rendezvous()
        self.nodes = dict(self._state_holder.state.participants)
        self.name = f"Node {info.rank} of {info.world_size} (from 0), on {socket.gethostname()},"
        return info

    def num_nodes_waiting(self) -> int:
        """As torchrun's, which asks it several times a second; here it also looks for nodes that ended."""
        try:
            waiting = super().num_nodes_waiting()
        except RendezvousConnectionError:
            first = next(node for node, rank in self.nodes.items() if rank == 0)
            raise TrainingError(f"The first node, at {first.addr}, does not answer, so the training ends. {GO_ON}") from None
        state = self._state_holder.state
        if state.closed:
            by = self._store.get(ENDED).decode() if self._store.check([ENDED]) else "Another node"
            raise TrainingError(f"{by} ended the training, and says why. {GO_ON}")
        for node, rank in self.nodes.items():
            if node not in state.participants:
                seconds = SIGN_OF_LIFE * MISSED
                host = node.addr.split(" ", 1)[-1] if node.addr.startswith("~") else f"at {node.addr}"
                who = f"Node {rank} of {len(self.nodes)} (from 0), {host},"
                raise TrainingError(f"{who} was lost: {seconds} s without a sign of life. {GO_ON}")
        return waiting

    def shutdown(self) -> bool:
        """End the training on every node."""
        with suppress(RuntimeError):  # the first node may have ended before
            self._store.set(ENDED, self.name)
        return super().shutdown()


def settings(rank: int, address: str) -> dict[str, Any]:
    """The part of torchrun's `LaunchConfig` for where nodes meet: at "host:port" of the first one, which keeps the store."""
    # c10d numbers nodes in the order of their names; "~" is behind all letters.
    name = address.rsplit(":", 1)[0] if rank == 0 else f"~{rank:05d} on {socket.gethostname()}"
    return {
        "rdzv_backend": BACKEND,
        "rdzv_endpoint": address,
        "rdzv_configs": {"is_host": rank == 0, "read_timeout": MEETING},
        "local_addr": name,
    }


def _create(parameters: RendezvousParameters) -> AllNodes:
    backend, store = create_backend(parameters)
    store.set_timeout(timedelta(seconds=SIGN_OF_LIFE * MISSED))
    return AllNodes.from_backend(
        parameters.run_id,
        store,
        backend,
        parameters.min_nodes,
        parameters.max_nodes,
        parameters.local_addr,
        RendezvousTimeout(join=timedelta(seconds=MEETING), close=timedelta(seconds=10)),
        SIGN_OF_LIFE,
        MISSED,
    )


rendezvous_handler_registry.register(BACKEND, _create)
