"""Training on two nodes, rehearsed: two `kedro run --pipeline fit` on the loopback address, a disturbance, the same again.

    .venv/bin/python benchmarks/two_nodes.py [--folder EMPTY] [--steps 12]

A scratch project with the synthesised corpus and the tests' tiny model is trained by one process (batches of four), and by two
nodes of one process each (batches of two), with DDP and with FSDP, from audio and from cached latents. Each time a node is
disturbed after the first checkpoint: a process is killed, a command is killed, or every process of a node is halted, which to
the other looks like a machine whose cable was pulled. Printed are how long the other node took to end and what it said, and
after the same command again the largest difference to the one process, over every step that MLflow has.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import psutil
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from scratch_project import TINY, as_option, make_project, merged  # noqa: E402

Node = subprocess.Popen


def processes_of(node: Node) -> list[psutil.Process]:
    """The training processes of a node."""
    return [p for p in psutil.Process(node.pid).children(recursive=True) if "saga_kedro.training.processes" in p.cmdline()]


def kill_process(node: Node) -> None:
    """SIGKILL for its training process."""
    for process in processes_of(node):
        process.kill()


def kill_command(node: Node) -> None:
    """SIGKILL for `kedro run`, which leaves the training process without a parent."""
    node.kill()


def halt(node: Node) -> None:
    """SIGSTOP for all of it: connections stay open, and nothing is said."""
    for process in [*processes_of(node), psutil.Process(node.pid)]:
        process.send_signal(signal.SIGSTOP)


def source_of(latents: bool) -> dict[str, Any]:
    """Parameters; with a separate seed, since what segments are read from is no part of a training's name."""
    return {"encode": {"latents": latents}, "seed": int(latents)}


CASES: list[tuple[str, bool, str, int, Callable[[Node], None]]] = [
    ("ddp", False, "process of node 1 killed", 1, kill_process),
    ("fsdp", False, "process of node 0 killed", 0, kill_process),
    ("fsdp", True, "node 1 halted", 1, halt),
    ("ddp", True, "command on node 0 killed", 0, kill_command),
]


class Project:
    """A scratch project, and the commands that run in it.

    Args:
        folder: for it.
        steps: of each training.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        self.folder, self.steps = make_project(folder), steps
        self.models = self.folder / "data/06_models/demo"

    def start(self, pipeline: str, log: str, place: dict[str, str] | None = None, **parameters: Any) -> Node:
        own = {"fit": {"steps": self.steps, "accelerator": "cpu"}, "degrade": {"draws": 2}}
        options = as_option(merged(merged(TINY, own), parameters))
        command = [sys.executable, "-m", "kedro", "run", "--pipeline", *pipeline.split(), "--params", options]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(self.folder / "src")} | (place or {})
        with (self.folder / f"{log}.log").open("w") as file:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=file, stderr=subprocess.STDOUT)

    def run(self, pipeline: str, log: str, **parameters: Any) -> None:
        if self.start(pipeline, log, **parameters).wait():
            raise SystemExit(f"{self.folder / log}.log says why this failed.")

    def train(self, latents: bool, log: str) -> Path:
        """Train in one process: the model's folder."""
        before = self.known()
        self.run("fit", log, fit={"batch_size": 4}, **source_of(latents))
        return (self.known() - before).pop()

    def start_nodes(self, strategy: str, latents: bool, log: str) -> list[Node]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        fit = {"batch_size": 2, "nodes": 2, "devices": 1, "strategy": strategy}
        return [
            self.start("fit", f"{log}-node{n}", place | {"NODE_RANK": str(n)}, fit=fit, **source_of(latents)) for n in range(2)
        ]

    def known(self) -> set[Path]:
        return {path.parent.parent for path in self.models.glob("*/training/last.ckpt")}

    def said(self, log: str) -> str:
        """The sentence that a command ended with: its last lines, from `Error:` on."""
        text = (self.folder / f"{log}.log").read_text()
        return " ".join(text[text.rindex("Error: ") :].split()) if "Error: " in text else "nothing"

    def curve(self, model: Path, metric: str) -> dict[int, float]:
        """What MLflow has of a training, checked for gaps and steps that occur twice."""
        client = mlflow.MlflowClient(f"sqlite:///{self.folder}/mlruns/mlflow.db")
        points = client.get_metric_history(yaml.safe_load((model / "fit.json").read_text())["run_id"], metric)
        assert len({point.step for point in points}) == len(points), f"{metric} has a step twice"
        return {point.step: point.value for point in points}

    def difference(self, model: Path, other: Path, metric: str) -> float:
        ours, theirs = self.curve(model, metric), self.curve(other, metric)
        assert ours.keys() == theirs.keys(), f"{metric}: steps {sorted(ours)} instead of {sorted(theirs)}"
        return max(abs(ours[step] - theirs[step]) for step in ours)


def rehearse(project: Project, case: tuple[str, bool, str, int, Callable[[Node], None]], alone: Path) -> str:
    """One case: a row of the table."""
    strategy, latents, what, struck, strike = case
    log, before = what.replace(" ", "-"), project.known()
    nodes = project.start_nodes(strategy, latents, log)
    while not project.known() - before:
        if any(node.poll() is not None for node in nodes):
            raise SystemExit(f"A node ended before its first checkpoint, see {project.folder}/{log}-node*.log.")
        time.sleep(0.005)
    model = (project.known() - before).pop()
    strike(nodes[struck])
    struck_at = time.monotonic()
    nodes[1 - struck].wait(timeout=120)
    seconds = time.monotonic() - struck_at
    if (model / "fit.json").exists():
        raise SystemExit("The training ended before it was disturbed: give more --steps.")
    said = project.said(f"{log}-node{1 - struck}")
    for process in [*processes_of(nodes[struck]), psutil.Process(nodes[struck].pid)] if strike is halt else []:
        process.kill()
    nodes[struck].wait(timeout=120)
    again = [node.wait(timeout=600) for node in project.start_nodes(strategy, latents, f"{log}-again")]
    assert again == [0, 0], f"The same command again ended with {again}, see {project.folder}/{log}-again-node*.log."
    largest = [project.difference(model, alone, metric) for metric in ("train/loss", "val/loss")]
    source = "latents" if latents else "audio"
    return f"| {strategy} | {source} | {what} | {seconds:.0f} s | {largest[0]:.1e} | {largest[1]:.1e} | {said} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the scratch project goes; default: a temporary folder")
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        project = Project((options.folder or Path(temporary)) / "project", options.steps)
        project.run("train --to-nodes encode_text", "prepare")
        print("| strategy | from | disturbance | other node ended after | loss | validation loss | it said |")
        print("| --- | --- | --- | ---: | ---: | ---: | --- |")
        for latents in (False, True):
            project.run("encode", f"encode-{latents}", **source_of(latents))
            alone = project.train(latents, f"alone-{latents}")
            for case in CASES:
                if case[1] == latents:
                    print(rehearse(project, case, alone), flush=True)


if __name__ == "__main__":
    main()
