"""Training on several devices: one process each, started by torchrun, apart from the process that runs the pipeline.

Lightning would start the further processes by running the command line again, and with it every node of the pipeline.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from saga_kedro.files import NOTHING, NoSpace, atomic_path, free_bytes, no_space
from saga_kedro.parameters import Fit, Parameters
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.fit import SPLITS, begin, make_segments, segments_of, table_path, train
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.text_states import read_states

logger = logging.getLogger(__name__)

JOB, DONE = "job.json", "done.json"
TABLES = ("clips", "text_index")


def fit_in_processes(
    tables: dict[str, pd.DataFrame], parameters: Parameters, folder: str | Path, job: dict[str, Any]
) -> dict[str, Any]:
    """Train in as many processes as there are devices.

    Args:
        tables: ``clips``, ``captions``, ``text_index``.
        parameters: all of them.
        folder: of the training.
        job: ``text_states_file``, ``data_version``, ``run_id`` and ``latents``, as `saga_kedro.training.fit.fit` takes them.

    Returns:
        What `fit` returns.

    Raises:
        ValueError: several nodes, and this one was not told its place among them.
        RuntimeError: a process failed; it has said why.
    """
    nodes = _nodes(parameters.fit)
    if os.environ.get("NODE_RANK", "0") == "0":
        begin(Path(folder), job["data_version"])
    where = Path(folder).absolute() / "training" / "job"
    where.mkdir(parents=True, exist_ok=True)
    (where / DONE).unlink(missing_ok=True)
    for name in TABLES:
        with atomic_path(where / f"{name}.parquet") as temporary:
            tables[name].to_parquet(temporary)
    for split in SPLITS:
        make_segments(tables["clips"], None if job["latents"] else tables["captions"], {}, parameters, split, where)
    with atomic_path(where / JOB) as temporary:
        temporary.write_text(json.dumps({**job, "folder": str(folder), "parameters": parameters.model_dump(mode="json")}))
    command = [sys.executable, "-m", "torch.distributed.run", *nodes]
    command += ["--nproc-per-node", str(devices_per_node(parameters.fit)), "-m", __name__, str(where)]
    logger.info("Training in %d processes on this node.", devices_per_node(parameters.fit))
    environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    if subprocess.run(command, env=environment).returncode:
        if free_bytes(where) < NOTHING:
            raise NoSpace(no_space("a training process could not write a checkpoint", where))
        raise RuntimeError("A training process failed, see above. Run again: training goes on from its last checkpoint.")
    return json.loads((where / DONE).read_text())


def _nodes(fit: Fit) -> list[str]:
    """torchrun's arguments that say which nodes there are."""
    if fit.nodes == 1:
        return ["--standalone"]
    wanted = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    if absent := [name for name in wanted if name not in os.environ]:
        raise ValueError(
            f"fit.nodes is {fit.nodes}, but {' and '.join(absent)} is not set: start `kedro run --pipeline fit` on every "
            "node, in the same shared folder, with MASTER_ADDR and MASTER_PORT of the first and NODE_RANK counting from 0."
        )
    rank, address, port = (os.environ[name] for name in wanted)
    return ["--nnodes", str(fit.nodes), "--node-rank", rank, "--master-addr", address, "--master-port", port]


def work(where: str | Path) -> None:
    """One process of a training that `fit_in_processes` described in the folder ``where``."""
    where = Path(where)
    job = json.loads((where / JOB).read_text())
    clips, index = (pd.read_parquet(where / f"{name}.parquet") for name in TABLES)
    states = {} if job["latents"] else read_states(index, job["text_states_file"])
    parameters = Parameters.model_validate(job["parameters"])
    segments = {split: segments_of(SegmentTable.open(table_path(where, split)), states, parameters, split) for split in SPLITS}
    folder, version = Path(job["folder"]), job["data_version"]
    summary = train(clips, segments, parameters, folder, version, job["run_id"], latents=job["latents"])
    if summary:
        with atomic_path(where / DONE) as temporary:
            temporary.write_text(json.dumps(summary))


if __name__ == "__main__":
    work(sys.argv[1])
