"""Training on several devices: one process each, started as torchrun does, apart from the process that runs the pipeline.

Lightning would start the further processes by running the command line again, and with it every node of the pipeline. Of
several machines the first runs the pipeline; the others take part in its training and write nothing.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import torch
from click import ClickException
from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from saga_kedro.files import NOTHING, NoSpace, atomic_path, free_bytes, no_space
from saga_kedro.parameters import Fit, Parameters
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.fit import SPLITS, begin, make_segments, segments_of, table_path, train
from saga_kedro.training.presence import GO_ON, Presence, Stopped, end
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.text_states import read_states

logger = logging.getLogger(__name__)

JOB, DONE = "job.json", "done.json"
TABLES = ("clips", "text_index")
PLACE = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
MEETING = 600  # s that nodes wait for one another


class TrainingError(ClickException, RuntimeError):
    """A training that did not come to its end; Kedro's command line prints it as one sentence."""


def fit_in_processes(
    tables: dict[str, pd.DataFrame],
    parameters: Parameters,
    folder: str | Path,
    job: dict[str, Any],
    environment: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """Train in as many processes as there are devices; on the first node, where there are several.

    Args:
        tables: ``clips``, ``captions``, ``text_index``.
        parameters: all of them.
        folder: of the training.
        job: ``text_states_file``, ``data_version``, ``run_id`` and ``latents``, as `saga_kedro.training.fit.fit` takes them.
        environment: of several nodes, says the place of this one.

    Returns:
        What `fit` returns.

    Raises:
        TrainingError: several nodes, and this one was not told its place among them; or a process failed.
    """
    place = _place(parameters.fit, environment)
    begin(Path(folder), job["data_version"])  # before any process looks for a checkpoint
    where = _job_folder(folder)
    where.mkdir(parents=True, exist_ok=True)
    (where / DONE).unlink(missing_ok=True)
    for name in TABLES:
        with atomic_path(where / f"{name}.parquet") as temporary:
            tables[name].to_parquet(temporary)
    for split in SPLITS:
        make_segments(tables["clips"], None if job["latents"] else tables["captions"], {}, parameters, split, where)
    told = {"folder": str(folder), "parameters": parameters.model_dump(mode="json"), "tracking": mlflow.get_tracking_uri()}
    with atomic_path(where / JOB) as temporary:
        temporary.write_text(json.dumps({**job, **told, "token": uuid.uuid4().hex}))
    _launch(where, parameters.fit, place)
    return json.loads((where / DONE).read_text())


def take_part(fit: Fit, folder: str | Path, environment: Mapping[str, str] = os.environ) -> None:
    """Train on a further node, with what `fit_in_processes` of the first has written into the folder that they share.

    Args:
        fit: the section of parameters.
        folder: of the training.
        environment: says the place of this node.

    Raises:
        TrainingError: as of `fit_in_processes`.
    """
    _launch(_job_folder(folder), fit, _place(fit, environment))


def _job_folder(folder: str | Path) -> Path:
    return Path(folder).absolute() / "training" / "job"


def _place(fit: Fit, environment: Mapping[str, str]) -> tuple[int, str] | None:
    """This node's number and where the first one waits; None where there is one node."""
    if fit.nodes == 1:
        return None
    if absent := [name for name in PLACE if name not in environment]:
        raise TrainingError(
            f"fit.nodes is {fit.nodes}, but {' and '.join(absent)} is not set: start `kedro run --pipeline fit` on every "
            "node, in the same shared folder, with MASTER_ADDR and MASTER_PORT of the first and NODE_RANK counting from 0."
        )
    rank, address, port = (environment[name] for name in PLACE)
    return int(rank), f"{address}:{port}"


def _launch(where: Path, fit: Fit, place: tuple[int, str] | None) -> None:
    """Start this node's processes and wait for their end, which is that of the training."""
    rank, address = place or (0, "localhost:0")
    config = LaunchConfig(
        min_nodes=fit.nodes,
        max_nodes=fit.nodes,
        nproc_per_node=devices_per_node(fit),
        run_id="saga" if place else uuid.uuid4().hex,
        rdzv_backend="static" if place else "c10d",
        rdzv_endpoint=address,
        rdzv_configs={"rank": rank, "timeout": MEETING} if place else {},
        max_restarts=0,
    )
    logger.info("Training in %d processes on node %d of %d (from 0).", config.nproc_per_node, rank, fit.nodes)
    try:
        with _own_signals():
            elastic_launch(config, sys.executable)("-m", __name__, str(where))
    except ChildFailedError as error:
        if free_bytes(where) < NOTHING:
            raise NoSpace(no_space("a training process could not write a checkpoint", where)) from None
        _, failure = error.get_first_failure()
        said = failure.error_file_data.get("message")
        if isinstance(said, dict):
            reason = said["message"].removeprefix(f"{Stopped.__name__}: ")
        elif failure.exitcode < 0:
            reason = f"A training process of this node was killed ({failure.signal_name()}). {GO_ON}"
        else:
            reason = f"A training process of this node failed, see above. {GO_ON}"
        raise TrainingError(reason) from None
    except SignalException as error:
        raise TrainingError(f"Training was stopped by {error.sigval.name}. {GO_ON}") from None
    except DistError:
        raise TrainingError(
            f"The {fit.nodes} nodes did not meet at {address} within {MEETING // 60} minutes: start the same command on every "
            "node, with MASTER_ADDR and MASTER_PORT of the first, and see that the first can be reached there."
        ) from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """torchrun takes over signals and does not give them back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
    handlers = {number: signal.getsignal(number) for name in names if (number := getattr(signal, name, None))}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def work(where: str | Path) -> None:
    """One process of a training that `fit_in_processes` described in the folder ``where``."""
    where = Path(where)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    with Presence() as presence:
        job = json.loads((where / JOB).read_text()) if (where / JOB).exists() else {"token": ""}
        if not presence.agree("token", job["token"]):
            end(
                f"{where} on this node is not that of the first: all nodes work in one shared folder, with the same parameters "
                "but for NODE_RANK."
            )
        mlflow.set_tracking_uri(job["tracking"])
        clips, index = (pd.read_parquet(where / f"{name}.parquet") for name in TABLES)
        states = {} if job["latents"] else read_states(index, job["text_states_file"])
        parameters = Parameters.model_validate(job["parameters"])
        tables = {split: SegmentTable.open(table_path(where, split)) for split in SPLITS}
        segments = {split: segments_of(table, states, parameters, split) for split, table in tables.items()}
        folder, version = Path(job["folder"]), job["data_version"]
        summary = train(clips, segments, parameters, folder, version, job["run_id"], latents=job["latents"])
        if summary:
            with atomic_path(where / DONE) as temporary:
                temporary.write_text(json.dumps(summary))


if __name__ == "__main__":
    work(sys.argv[1])
