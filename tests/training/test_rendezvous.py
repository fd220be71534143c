"""A node of a training that ends, or gives no sign of life, ends the others with one sentence."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed.elastic.rendezvous import RendezvousParameters
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler
from torch.distributed.elastic.utils.distributed import get_free_port

from saga_kedro.training import rendezvous
from saga_kedro.training.rendezvous import TrainingError, settings


@pytest.fixture
def nodes(monkeypatch):
    """Two that have met, and whose signs of life follow each other quickly; the second came first."""
    monkeypatch.setattr(rendezvous, "SIGN_OF_LIFE", 2)
    monkeypatch.setattr(rendezvous, "MISSED", 3)
    address = f"127.0.0.1:{get_free_port()}"

    def meet(rank):
        place = settings(rank, address)
        backend, endpoint, configs = (place[f"rdzv_{name}"] for name in ("backend", "endpoint", "configs"))
        parameters = RendezvousParameters(backend, endpoint, "test", 2, 2, place["local_addr"], **configs)
        handler = get_rendezvous_handler(parameters)
        return handler, handler.next_rendezvous()

    with ThreadPoolExecutor(2) as pool:
        second = pool.submit(meet, 1)
        time.sleep(0.5)
        first = pool.submit(meet, 0)
        met = [first.result(60), second.result(60)]
    assert [info.rank for _, info in met] == [0, 1]
    assert [handler.num_nodes_waiting() for handler, _ in met] == [0, 0]
    yield [handler for handler, _ in met]
    for handler, _ in met:
        handler.shutdown()


def sentence_of(node, seconds):
    """What ends a node within so many seconds."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            node.num_nodes_waiting()
        except TrainingError as error:
            return str(error)
        time.sleep(0.1)
    return "nothing"


@pytest.mark.parametrize("which", [0, 1])
def test_a_node_that_ends_is_named_by_the_other(nodes, which):
    nodes[which].shutdown()
    named = f"Node {which} of 2 (from 0), on {socket.gethostname()}, ended the training, and says why."
    assert sentence_of(nodes[1 - which], 20).startswith(named)


def test_a_silent_node_is_named_and_nodes_that_give_signs_of_life_are_not(nodes):
    time.sleep(8)
    assert [node.num_nodes_waiting() for node in nodes] == [0, 0]
    nodes[1]._stop_heartbeats()
    named = f"Node 1 of 2 (from 0), on {socket.gethostname()}, was lost: 6 s without a sign of life."
    assert sentence_of(nodes[0], 30).startswith(named)
