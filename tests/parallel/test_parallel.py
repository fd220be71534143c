"""Work over many items: processes and Dask's workers give the same, and nothing is lost when one of them is killed."""

import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster
from distributed.utils import open_port

import saga_kedro
from saga_kedro.errors import SagaError
from saga_kedro.files import source_hash
from saga_kedro.parallel import engine, parallel_map, preflight
from saga_kedro.parallel.cluster import SETTINGS
from saga_kedro.parallel.worker import run_batch
from saga_kedro.parameters import Workers

PROCESSES = Workers(engine="processes", address=None, gpus_per_worker=0)


def on(address=None, gpus_per_worker=0):
    return Workers(engine="dask", address=address, gpus_per_worker=gpus_per_worker)


def squared(item, offset=0):
    return item * item + offset


def written(item, folder):
    """Leaves a line for every time that it was done."""
    time.sleep(0.01)
    with open(Path(folder) / str(item), "a") as file:
        file.write("done\n")
    return os.getpid()


def deadly(item, folder=None, times=9):
    """Item 50 kills its process: always, or with a folder so many times, and each time it leaves a mark there."""
    marks = [Path(folder) / f"death{number}" for number in range(times)] if folder else []
    unmarked = [mark for mark in marks if not mark.exists()]
    if item == 50 and (unmarked or not folder):
        for mark in unmarked[:1]:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def inner_process(item):
    return os.getpid(), parallel_map(process_of, [1, 2, 3], "inner"), multiprocessing.current_process().daemon


def process_of(item):
    return os.getpid()


def failing(item):
    raise ValueError(f"item {item} is wrong")


def visible_gpus(item):
    time.sleep(0.05)
    return os.environ["CUDA_VISIBLE_DEVICES"]


@contextmanager
def two_workers(**options):
    """A scheduler and two workers, as somebody else would have started them."""
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": "127.0.0.1:0"} | options
    with dask.config.set(SETTINGS), LocalCluster(host="127.0.0.1", **options) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def address():
    with two_workers() as one:
        yield one


@pytest.fixture
def joined(address, tmp_path):
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)  # of those that the test before killed
    with engine(on(address), tmp_path):
        yield


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_results_in_the_order_of_the_items(workers):
    with engine(PROCESSES):
        assert parallel_map(squared, range(20), "squares", workers, offset=1) == [item * item + 1 for item in range(20)]


def test_dask_gives_the_same_results_in_the_same_order_and_errors_as_they_are(joined):
    assert parallel_map(squared, range(3000), "squares", offset=1) == [item * item + 1 for item in range(3000)]
    assert parallel_map(squared, [], "nothing") == []
    with pytest.raises(ValueError, match="item 0 is wrong"):
        parallel_map(failing, [0], "fails")


def test_dask_works_on_all_workers_and_does_each_item_once(joined, tmp_path):
    (tmp_path / "out").mkdir()
    assert len(set(parallel_map(written, range(200), "files", folder=str(tmp_path / "out")))) == 2
    assert all(len(path.read_text().splitlines()) == 1 for path in (tmp_path / "out").iterdir())


def test_one_worker_is_this_process_whatever_the_engine_except_for_work_on_a_gpu(joined):
    here = {os.getpid()}
    assert set(parallel_map(process_of, range(3), "here", workers=1)) == here
    assert here.isdisjoint(parallel_map(process_of, [1, 2, 3], "there", workers=1, gpu=True))


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_what_a_worker_maps_it_maps_by_itself_and_it_may_start_processes(where, address, tmp_path):
    with engine(PROCESSES if where == "processes" else on(address), tmp_path):
        for process, inner, daemon in parallel_map(inner_process, range(2), "outer", workers=2):
            assert process != os.getpid()
            assert set(inner) == {process}
            assert not daemon  # a training in a worker starts processes that load its data


def test_without_dask_work_on_a_gpu_stays_in_the_process_that_has_it(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert set(parallel_map(process_of, [1, 2, 3], "pids", workers=2, gpu=True)) == {os.getpid()}


def test_the_items_of_a_killed_worker_are_done_by_another(joined, tmp_path):
    assert parallel_map(deadly, range(60), "killed once", folder=str(tmp_path), times=1) == list(range(60))


def test_an_item_that_kills_its_worker_three_times_is_passed_over_and_its_batch_is_not(joined, caplog, tmp_path):
    results = parallel_map(deadly, range(80), "killers", lost=lambda item, reason: (item, reason), folder=str(tmp_path))
    item, reason = results.pop(50)
    assert results == [*range(50), *range(51, 80)]
    assert item == 50
    assert reason.startswith("it killed its worker 3 times")
    assert len(list(tmp_path.glob("death*"))) == 3
    assert "killers: 50 is passed over" in caplog.text


def test_without_a_place_for_lost_items_or_where_every_worker_is_killed_the_run_ends_in_a_sentence(joined):
    with pytest.raises(SagaError, match="killers: 1 of 3 items were passed over, and it takes them all; the first, 50: it"):
        parallel_map(deadly, [1, 50, 3], "killers")
    with pytest.raises(SagaError, match="killers: worker after worker is killed; see their logs"):
        parallel_map(deadly, [50] * 20, "killers", lost=lambda item, reason: item)


def test_a_killed_process_is_one_sentence():
    with pytest.raises(SagaError, match="killers: a worker process was killed, most likely for want of memory"):
        parallel_map(deadly, range(100), "killers", workers=2)


def test_a_killed_scheduler_is_one_sentence_and_the_same_command_goes_on(tmp_path):
    """Scheduler and worker are processes, as on a cluster."""
    (tmp_path / "out").mkdir()
    with started(tmp_path) as (address, scheduler), engine(on(address), tmp_path):
        threading.Thread(target=kill_once_work_began, args=(scheduler, tmp_path / "out")).start()
        with pytest.raises(SagaError, match="files: Dask's scheduler at .* was lost. .*the same command resumes"):
            parallel_map(written, range(2000), "files", folder=str(tmp_path / "out"))
    assert 0 < len(list((tmp_path / "out").iterdir())) < 2000


def kill_once_work_began(process, folder):
    while not any(folder.iterdir()):
        time.sleep(0.05)
    process.kill()


@contextmanager
def started(folder, package=None):
    """The address and process of a scheduler with one worker, which imports the package in the folder ``package``."""
    port = open_port()
    address = f"tcp://127.0.0.1:{port}"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    other = environment | ({"PYTHONPATH": f"{package}{os.pathsep}{environment['PYTHONPATH']}"} if package else {})
    log = (folder / "log").open("w")

    def start(which, environment, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.dask_{which}", "--no-dashboard", *arguments]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)

    scheduler = start("scheduler", environment, "--host", "127.0.0.1", "--port", str(port))
    worker = start("worker", other, address, "--nthreads", "1", "--no-nanny", "--death-timeout", "20")
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.2)
        yield address, scheduler
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()


def refused(workers, folder, *needs):
    started = time.monotonic()
    with pytest.raises(SagaError) as caught, engine(workers, folder, needs):
        raise AssertionError("work began")
    assert time.monotonic() - started < 30
    assert parallel_map(process_of, [1], "here") == [os.getpid()]
    return str(caught.value)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(preflight, "ANSWER_S", 1.0)


@pytest.mark.parametrize("who", ["nobody", "another program", "nowhere", "tcp://", "http://127.0.0.1:1"])
def test_an_address_where_no_scheduler_answers_is_refused(who, tmp_path, impatient):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        ports = {"nobody": open_port(), "another program": deaf.getsockname()[1]}
        address = f"tcp://127.0.0.1:{ports[who]}" if who in ports else who
        assert refused(on(address), tmp_path).startswith(f"workers.address={address}: no Dask scheduler answers there; start")


def test_a_scheduler_without_workers_is_refused(tmp_path, impatient):
    with two_workers(n_workers=0) as address:
        sentence = f"The scheduler at {address} has no workers: start some, `dask worker {address}`."
        assert refused(on(address), tmp_path) == sentence


def test_a_worker_with_other_code_is_refused(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(Path(saga_kedro.__file__).parent, other / "saga_kedro", ignore=shutil.ignore_patterns("pretrained"))
    (other / "saga_kedro/changed.py").touch()
    with started(tmp_path, package=other) as (address, _):
        sentence = refused(on(address), tmp_path)
    assert f"and this is {preflight.versions()}: install the same on both." in sentence


@pytest.mark.skipif(sys.platform != "linux", reason="an open file has a path that other processes do not see on Linux only")
def test_a_worker_that_does_not_see_a_folder_is_refused(address, tmp_path):
    file = os.open(tmp_path, os.O_RDONLY)
    unseen = os.dup2(file, 900)
    try:
        only_here = Path(f"/proc/self/fd/{unseen}")
        why = f"does not see {only_here}: the project lies in a folder that all machines share"
        assert why in refused(on(address), only_here)
        assert f"does not see {only_here}: share that folder, too." in refused(on(address), tmp_path, only_here)
    finally:
        os.close(file)
        os.close(unseen)


def test_a_worker_that_joins_later_is_looked_at_too(tmp_path):
    job = pickle.dumps((squared, {}))
    with pytest.raises(SagaError, match="A worker that joined has another version of saga-kedro"):
        run_batch(job, "0123", str(tmp_path), [1])
    with pytest.raises(SagaError, match="A worker that joined does not see the project folder /nowhere"):
        run_batch(job, source_hash(), "/nowhere", [1])


def test_workers_that_may_not_start_processes_or_only_claim_a_gpu_are_refused(tmp_path):
    import torch  # here, or every worker would import it with this module

    with two_workers(n_workers=1, resources={"GPU": 1}) as address:
        with Client(address, set_as_default=False) as client:
            client.run(torch.cuda.is_available)  # PyTorch's import takes long on a busy machine
        assert "says it has a GPU, and PyTorch finds none there" in refused(on(address, 1), tmp_path)
    with (
        dask.config.set({"distributed.worker.daemon": True}),
        LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
    ):
        assert "start it with DASK_DISTRIBUTED__WORKER__DAEMON=False" in refused(on(cluster.scheduler_address), tmp_path)


def test_without_a_gpu_where_gpus_are_asked_for_the_run_is_refused(address, tmp_path):
    assert refused(on(address, 1), tmp_path) == (
        f"workers.gpus_per_worker=1, but no worker of the scheduler at {address} has so many: "
        "start some with `dask worker --resources GPU=1`."
    )
    assert refused(on(None, 1), tmp_path) == "workers.gpus_per_worker=1, but this machine has 0 GPUs to use."


def test_each_gpu_of_this_machine_gets_a_worker_that_sees_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    with engine(on(), tmp_path):
        seen = set(parallel_map(visible_gpus, range(40), "GPUs", gpu=True))
    assert seen == {"2", "5"}


def test_without_the_extra_dask_is_refused_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "saga_kedro.parallel.cluster")
    monkeypatch.delattr("saga_kedro.parallel.cluster", raising=False)
    assert refused(on(), tmp_path) == (
        "workers.engine=dask needs the package distributed: install the extra `cluster`, on every machine that works."
    )
