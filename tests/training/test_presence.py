"""A process of a training that gives no sign of life is named by the others, and they end."""

from __future__ import annotations

import os
import threading

import pytest
from torch.distributed import DistBackendError, TCPStore

from saga_kedro.training import presence
from saga_kedro.training.presence import Presence

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of `said`


@pytest.fixture
def store(monkeypatch):
    """What torchrun keeps on the first node; signs of life follow each other quickly."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port), "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    for name, seconds in {"EVERY": 0.02, "SILENCE": 0.6, "BROKEN": 0.2}.items():
        monkeypatch.setattr(presence, name, seconds)
    return store


@pytest.fixture
def process(store, monkeypatch):
    """Makes the presence of a process."""

    def make(rank: int) -> Presence:
        monkeypatch.setenv("RANK", str(rank))
        return Presence()

    return make


@pytest.fixture
def said(monkeypatch):
    """What a process says when it ends itself."""
    sentences: list[str] = []
    over = threading.Event()

    def end(sentence: str) -> None:
        sentences.append(sentence)
        over.set()
        raise SystemExit  # of the thread

    monkeypatch.setattr(presence, "end", end)
    return lambda seconds: over.wait(seconds) and sentences[0]


def test_a_silent_process_is_named_with_its_node(store, process, said):
    store.set("host/1", "node07")
    store.add("beats/1", 1)
    with process(0):
        sentence = said(5)
    assert sentence.startswith("Process 1 of 2 (from 0), on node07, is gone: 1 s without a sign of life.")
    assert sentence.endswith("Start the same command again, on every node: training goes on from its last checkpoint.")


def test_a_failed_exchange_shortens_the_wait(store, process, said):
    store.add("beats/1", 1)
    first = process(0)
    first.patience = 60
    with pytest.raises(DistBackendError), first:
        raise DistBackendError("connection closed by peer")
    assert "Process 1 of 2" in said(5)


def test_processes_that_are_there_or_have_ended_well_are_not_missed(process, said):
    with process(0):
        with process(1):
            assert not said(1)
        assert not said(1)


class Gone:
    """A store whose node is gone."""

    def set(self, *_) -> None:
        """This went well; then the node was lost."""

    def add(self, *_) -> int:
        raise RuntimeError("Broken pipe")


def test_the_store_is_gone_with_the_first_node(process, said, monkeypatch):
    second = process(1)
    monkeypatch.setattr(second, "store", Gone())
    with second:
        assert f"The first node, at {second.address}, is gone" in said(5)


def test_a_process_ends_with_the_command_that_started_it(process, said, monkeypatch):
    with process(0):
        monkeypatch.setattr(os, "getppid", lambda: 1)
        assert "The command that started this process is gone" in said(5)


def test_a_node_that_sees_another_folder_is_told(process):
    first, second, third = process(0), process(1), process(1)
    assert first.agree("token", "a")
    assert second.agree("token", "a")
    assert not third.agree("token", "b")
