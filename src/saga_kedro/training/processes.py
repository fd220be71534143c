"""Training on several devices: one process each, started as torchrun does, apart from the process that runs the pipeline.

Lightning would run the command line again for each, and so the whole pipeline. Of several machines the first runs the pipeline;
the others take part in its training and write nothing.
"""

import json
import logging
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import torch
from torch.distributed import DistError, TCPStore
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure, record
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.multiprocessing.spawn import _prctl_pr_set_pdeathsig

from saga_kedro.files import NoSpace, atomic_path
from saga_kedro.parameters import Fit, Parameters
from saga_kedro.training.callbacks import Diverged
from saga_kedro.training.devices import devices_per_node
from saga_kedro.training.encode import read_states
from saga_kedro.training.examples import SPLITS, table_path
from saga_kedro.training.fit import prepare, train
from saga_kedro.training.folder import key_of
from saga_kedro.training.rendezvous import GO_ON, MEETING, TrainingError, settings
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Segments

logger = logging.getLogger(__name__)

JOB, DONE = "job.json", "done.json"
TABLES = ("clips", "text_index")
PLACE = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
SENTENCES = (TrainingError.__name__, NoSpace.__name__, Diverged.__name__)
LAST_WORDS = 5  # s that a process waits after a failed exchange, so that the killed process is found first


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
        parameters, folder: as of `saga_kedro.training.fit.fit`; so is the result.
        job: ``text_states_file``; ``data_version``, ``run_id`` and ``latents`` as of `fit`.
        environment: holds this node's place among several.

    Raises:
        TrainingError: a process failed, or the environment lacks this node's place.
    """
    place = _place(parameters.fit, environment)
    key = key_of("fit", parameters, job["data_version"], tables["captions"])
    prepare(tables["clips"], None if job["latents"] else tables["captions"], {}, parameters, Path(folder), key)
    where = _job_folder(folder)
    where.mkdir(parents=True, exist_ok=True)
    (where / DONE).unlink(missing_ok=True)
    for name in TABLES:
        with atomic_path(where / f"{name}.parquet") as temporary:
            tables[name].to_parquet(temporary)
    values = {"folder": str(folder), "parameters": parameters.model_dump(mode="json"), "tracking": mlflow.get_tracking_uri()}
    with atomic_path(where / JOB) as temporary:
        temporary.write_text(json.dumps({**job, **values, "token": uuid.uuid4().hex}))
    _launch(where, parameters.fit, place)
    return json.loads((where / DONE).read_text()) | {"key": key, "data_version": job["data_version"]}


def take_part(fit: Fit, folder: str | Path, environment: Mapping[str, str] = os.environ) -> None:
    """Train on a further node, from the files that `fit_in_processes` of the first one wrote into their shared folder."""
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
    """Start this node's processes and wait until the training ends."""
    rank, address = place or (0, "localhost:0")
    config = LaunchConfig(
        min_nodes=fit.nodes,
        max_nodes=fit.nodes,
        nproc_per_node=devices_per_node(fit),
        run_id="saga" if place else uuid.uuid4().hex,
        max_restarts=0,
        shutdown_timeout=5,  # s from SIGTERM to SIGKILL: a process that waits for a lost one hears only the latter
        **settings(rank, address),
    )
    logger.info("Training in %d processes on node %d of %d (from 0).", config.nproc_per_node, rank, fit.nodes)
    try:
        with _own_signals():
            elastic_launch(config, sys.executable)("-m", __name__, str(where))
    except ChildFailedError as error:
        raise TrainingError(_reason(error.get_first_failure()[1])) from None
    except SignalException as error:
        raise TrainingError(f"Training was stopped by {error.sigval.name}. {GO_ON}") from None
    except RendezvousError:
        raise TrainingError(
            f"The {fit.nodes} nodes did not meet at {address} within {MEETING // 60} minutes: start the same command on every "
            "node, with MASTER_ADDR and MASTER_PORT of the first, and check that the other nodes can reach the first there."
        ) from None


def _reason(failure: ProcessFailure) -> str:
    """Why a process of this node ended, in one sentence."""
    if failure.exitcode < 0:
        return f"A training process of this node was killed ({failure.signal_name()}). {GO_ON}"
    recorded = failure.error_file_data.get("message")  # by `record`
    kind, _, sentence = (recorded["message"] if isinstance(recorded, dict) else "").partition(": ")
    return sentence if kind in SENTENCES else f"A training process of this node failed, see above. {GO_ON}"


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


@record
def work(where: str | Path) -> None:
    """One process of a training that `fit_in_processes` described in the folder ``where``."""
    _prctl_pr_set_pdeathsig(signal.SIGKILL)  # on Linux, this process ends with the command that started it
    where = Path(where)
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    job = json.loads((where / JOB).read_text()) if (where / JOB).exists() else {"token": ""}
    if job["token"] != _of_the_first_process(job["token"]):
        raise TrainingError(
            f"{where} on this node is not that of the first: all nodes work in one shared folder, with the same parameters "
            "but for NODE_RANK."
        )
    mlflow.set_tracking_uri(job["tracking"])
    clips, index = (pd.read_parquet(where / f"{name}.parquet") for name in TABLES)
    states = {} if job["latents"] else read_states(index, job["text_states_file"])
    parameters = Parameters.model_validate(job["parameters"])
    folder = Path(job["folder"])
    tables = {split: SegmentTable.open(table_path(folder / "training", split)) for split in SPLITS}
    segments = {split: Segments(table, states, parameters, split) for split, table in tables.items()}
    try:
        summary = train(clips, segments, parameters, folder, job["run_id"], latents=job["latents"])
    except RuntimeError as error:
        if not (isinstance(error, DistError) or re.search("gloo|nccl", str(error), re.IGNORECASE)):
            raise
        time.sleep(LAST_WORDS)
        raise TrainingError(f"Another process of the training has ended. {GO_ON}") from error
    if summary:
        with atomic_path(where / DONE) as temporary:
            temporary.write_text(json.dumps(summary))


def _of_the_first_process(text: str) -> str:
    """The ``text`` of the training's first process."""
    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    if os.environ["RANK"] == "0":
        store.set("token", text)
    return store.get("token").decode()


if __name__ == "__main__":
    work(sys.argv[1])
