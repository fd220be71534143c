"""One run at a time writes a table, and nobody reads it meanwhile; runs that do not touch each other go side by side.

A run notes in data/.locks what it reads and writes, as the catalog has it, and holds an operating system's lock beside the
note until it ends. The next run reads the notes. A note whose lock is free belongs to a process that exited, and is removed.

The lock is flock(2), or filelock's marker file where there is none; docs/operations.md lists file systems. Sources: flock(2),
nfs(5), mount.lustre(8).
"""

import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from saga_kedro.errors import SagaError
from saga_kedro.files import atomic_path

logger = logging.getLogger(__name__)

FOLDER = Path("data/.locks")
POLL_S = 1.0


def joins_another(nodes: int) -> bool:
    """Whether this process is a further node of a training on several. On one node NODE_RANK means nothing: schedulers and
    notebooks set it too."""
    return nodes > 1 and os.environ.get("NODE_RANK", "0") != "0"


def store_lock(project: str | Path = ".") -> FileLock:
    """For what MLflow does in two steps, look and create: an experiment, the paper's runs."""
    return _lock(Path(project) / "mlruns" / ".lock")


def _lock(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


class RunLock:
    """What one run of a project holds."""

    def __init__(self, project: str | Path) -> None:
        self.folder = Path(project) / FOLDER
        self.gate = _lock(self.folder / "gate.lock")
        self.held: tuple[Path, FileLock] | None = None

    def take(self, pipeline: str, reads: list[str], writes: list[str], wait: bool) -> None:
        """Hold what the run uses (paths relative to the project) until `release` or the end of this process.

        Raises SagaError if another run is in the way, and ``wait`` is false.
        """
        logged = False
        while sentence := self._try(pipeline, reads, writes):
            if not wait:
                raise SagaError(
                    f"{sentence}: start again when it has ended, let this run wait for that with --params lock=wait, "
                    "or give it a dataset of its own with --params dataset=NAME."
                )
            if not logged:
                logger.info("%s: waiting for its end.", sentence)
            logged = True
            time.sleep(POLL_S)

    def _try(self, pipeline: str, reads: list[str], writes: list[str]) -> str:
        """Take the lock and return an empty string, or say which run is in the way."""
        with self.gate:
            for other in self._others():
                for path in [*writes, *reads]:
                    if any(_meet(path, theirs) for theirs in other["writes"]):
                        return _who(other, "writes", path)
                    if path in writes and any(_meet(path, theirs) for theirs in other["reads"]):
                        return _who(other, "reads", path)
            note = self.folder / f"{uuid.uuid4().hex}.json"
            lock = _lock(note.with_suffix(".lock"))
            lock.acquire(blocking=False)
            self.held = note, lock
            about = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
            with atomic_path(note) as temporary:
                temporary.write_text(json.dumps({**about, "pipeline": pipeline, "reads": reads, "writes": writes}))
        return ""

    def _others(self) -> Iterator[dict[str, Any]]:
        """The notes of running runs; notes of runs that ended are removed. Needs the gate."""
        for note in sorted(self.folder.glob("[!.]*.json")):
            lock = _lock(note.with_suffix(".lock"))
            try:
                lock.acquire(blocking=False)
            except Timeout:
                yield json.loads(note.read_text())
                continue
            _remove(note, lock)

    def release(self) -> None:
        if self.held:
            with self.gate:
                _remove(*self.held)
            self.held = None


def _remove(note: Path, lock: FileLock) -> None:
    note.unlink(missing_ok=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _meet(one: str, other: str) -> bool:
    """Whether two paths are the same, or one is in the other."""
    return PurePosixPath(one).is_relative_to(other) or PurePosixPath(other).is_relative_to(one)


def _who(other: Mapping[str, Any], does: str, path: str) -> str:
    dataset = PurePosixPath(path).parts[2]
    who = f"`{other['pipeline']}`, process {other['pid']} on {other['host']}, since {other['since']}"
    return f"The dataset {dataset} is in use by another run ({who}), which {does} {path}"
