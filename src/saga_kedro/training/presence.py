"""The processes of a training hear each other: when one is gone, the others name it and end, whatever they wait for.

A process that was killed closes its connections, and the others' next exchange fails; one whose machine is gone leaves them
waiting, for half an hour with PyTorch's time limit. Either way PyTorch's error names an address at best, not who was lost. So
each process counts up a sign of life in the store that torchrun keeps on the first node, and looks at the others'.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from types import TracebackType

from torch.distributed import DistError, TCPStore
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

EVERY = 1.0  # s between two signs of life
SILENCE = 30.0  # s without one, after which a process is given up
BROKEN = 5.0  # s without one, where an exchange has failed already
START = 300.0  # s until the first one: libraries are read from a disk that nodes may share
GO_ON = "Start the same command again, on every node: training goes on from its last checkpoint."


class Stopped(RuntimeError):
    """Why a process of a training ended, in one sentence."""


class Presence:
    """While it is open, this process gives signs of life, and ends when another process gives none.

    Reads what torchrun tells its processes: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
    """

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        host, port = self.address.rsplit(":", 1)
        # A connection of its own: the process group's is taken while it waits.
        self.store = TCPStore(host, int(port), is_master=False, timeout=timedelta(seconds=SILENCE))
        self.parent = os.getppid()
        self.patience = SILENCE
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True, name="presence")

    def agree(self, what: str, text: str) -> bool:
        """Whether ``text`` is what the first process has given as ``what``."""
        if self.rank == 0:
            self.store.set(what, text)
        self.store.wait([what], timedelta(seconds=START))
        return self.store.get(what).decode() == text

    def __enter__(self) -> Presence:
        self.store.set(f"host/{self.rank}", socket.gethostname())
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, DistError) or re.search("gloo|nccl", str(error), re.IGNORECASE):
            self.patience = BROKEN
            time.sleep(BROKEN + 5 * EVERY)  # if another process is gone, this one ends here
        self.over.set()
        self.thread.join(5 * EVERY)  # a thread that is inside the store when Python ends would abort the process
        if error is None:
            with suppress(RuntimeError):  # the first node may have ended before
                self.store.add(f"over/{self.rank}", 1)

    def _watch(self) -> None:
        heard = {rank: (0, time.monotonic()) for rank in range(self.size) if rank != self.rank}
        while not self.over.wait(EVERY):
            if os.getppid() != self.parent:
                end("The command that started this process is gone, and so ends the training. " + GO_ON)
            try:
                self.store.add(f"beats/{self.rank}", 1)
                for rank, (count, since) in list(heard.items()):
                    beats = self.store.add(f"beats/{rank}", 0)
                    if beats != count:
                        heard[rank] = beats, time.monotonic()
                    elif time.monotonic() - since > (self.patience if count else START):
                        if self.store.add(f"over/{rank}", 0):
                            del heard[rank]  # it has done its part
                        else:
                            self._lost(rank, time.monotonic() - since)
            except RuntimeError:  # whatever the store's connection raises
                end(f"The first node, at {self.address}, is gone, and so ends the training. {GO_ON}")

    def _lost(self, rank: int, seconds: float) -> None:
        host = self.store.get(f"host/{rank}").decode() if self.store.check([f"host/{rank}"]) else "a node that never answered"
        end(f"Process {rank} of {self.size} (from 0), on {host}, is gone: {seconds:.0f} s without a sign of life. {GO_ON}")


def end(sentence: str) -> None:
    """End this process at once, with the reason where torchrun looks for it."""
    get_error_handler().record_exception(Stopped(sentence))
    os._exit(1)
