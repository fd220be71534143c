"""Kedro, DVC and modules of a project as processes that start at once: forked from one that has imported their libraries.

A command is a process as it would be, with its own folder, environment, output, exit status and imports of the project's code.
`commands` gives a folder for the front of PATH, whose `kedro`, `dvc` and `python -m` ask for such a process.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIBRARIES = ("dvc.cli", "dvc.repo", "kedro.framework.cli.cli", "mlflow", "plotly.graph_objects", "torch", "transformers")
OF_A_TRAINING = ("lightning.pytorch", "stable_audio_tools.models.dit", "torchmetrics.functional.audio", "matplotlib.pyplot")

ASK = f"""#!{sys.executable} -IS
import json, os, socket, sys

asked = socket.socket(socket.AF_UNIX)
asked.connect(os.path.join(os.path.dirname(sys.argv[0]), "socket"))
socket.send_fds(asked, [b"x"], [0, 1, 2])
asked.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode())
asked.shutdown(socket.SHUT_WR)
sys.exit((asked.recv(1) or b"\\1")[0])
"""


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """A folder with the commands, for as long as the context is open."""
    folder.mkdir()
    for name in ("kedro", "dvc", "python"):
        (folder / name).write_text(ASK)
        (folder / name).chmod(0o755)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([sys.executable, __file__, str(folder / "socket")], stdout=log, stderr=log)
    try:
        while not (folder / "socket").exists():
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield folder
    finally:
        server.kill()
        server.wait()


def serve(path: str) -> None:
    """Answer until killed; returns in the process of each command, whose words are then in `sys.argv`."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{path}.new")
    server.listen()
    os.rename(f"{path}.new", path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, _ = server.accept()
        if os.fork() == 0:
            break
        asked.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server.close()
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    sys.argv, folder, environment = json.loads(b"".join(iter(lambda: asked.recv(1 << 16), b"")))
    if command := os.fork():
        _, status = os.waitpid(command, 0)
        asked.send(bytes([os.waitstatus_to_exitcode(status) & 255]))
        os._exit(0)
    asked.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = environment.get("PYTHONPATH", "").split(os.pathsep)


if __name__ == "__main__":
    for library in (*LIBRARIES, *OF_A_TRAINING):
        __import__(library)
    assert "saga_kedro" not in sys.modules  # it is the project's, whose code a test may change
    serve(sys.argv[1])
    status: Any = 0
    try:
        if Path(sys.argv[0]).name == "python":  # -m module ...
            assert sys.argv.pop(1) == "-m"
            runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(Path(sys.executable).with_name(Path(sys.argv[0]).name)), run_name="__main__")
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status if isinstance(status, int) else bool(status))  # ONNX Runtime's thread, which no fork has, is not waited for
