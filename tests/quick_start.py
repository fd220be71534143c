"""Kedro, DVC and modules of a project as processes that start at once: forked from one that has imported their libraries.

Each has its own folder, environment, output, exit status and imports of the project's code, as if it had been started alone.
"""

import atexit
import gc
import inspect
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
from tempfile import TemporaryDirectory

LIBRARIES = (
    *("dvc.cli", "dvc.repo", "IPython", "joblib", "kedro.framework.cli.cli", "kedro_datasets.pandas"),
    *("kedro_mlflow.framework.hooks", "lightning.pytorch", "matplotlib.pyplot", "mlflow.pyfunc"),
    *("mlflow.store.tracking.sqlalchemy_store", "plotly.express", "pytorch_lightning", "stable_audio_tools.models.dit"),
    *("torchaudio", "torchmetrics.functional.audio", "transformers.models.bert"),
)
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
def commands() -> Iterator[Path]:
    """A folder for the front of PATH, whose `kedro`, `dvc` and `python -m` ask for such a process while the context is open."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for command in ("kedro", "dvc", "python"):
            (folder / command).write_text(ASK)
            (folder / command).chmod(0o755)
        server = subprocess.Popen([sys.executable, __file__, str(folder / "socket")])
        try:
            while not (folder / "socket").exists():
                assert server.poll() is None, "it could not be started"
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


def run(command: str) -> int:
    """Run what `sys.argv` says; the exit status."""
    try:
        if command == "python":  # -m module ...
            assert sys.argv.pop(1) == "-m"
            runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(Path(sys.executable).with_name(command)), run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else bool(end.code)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for library in LIBRARIES:
        __import__(library)
    inspect.stack()  # knows all these modules now: Kedro's settings ask for it at every start
    gc.freeze()  # what a fork does not touch is not copied
    assert "saga_kedro" not in sys.modules  # it is the project's, whose code a test may change
    serve(sys.argv[1])
    status = run(Path(sys.argv[0]).name)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)  # an ordinary end would wait for a thread of ONNX Runtime that no fork has
