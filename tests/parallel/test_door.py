"""One door for work over many items: processes and Dask's workers give the same, and whoever is killed, nothing is lost."""

from __future__ import annotations

import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click import ClickException
from distributed import LocalCluster

from saga_kedro.files import source_hash
from saga_kedro.parallel import batch, batches, door, engine, inside, parallel_map
from saga_kedro.parallel import cluster as dask_cluster
from saga_kedro.parallel.batch import DEATHS, JOB, Lost, run_batch
from saga_kedro.parallel.look import look, seen_here
from saga_kedro.parallel.processes import map_in_processes

PROCESSES = {"engine": "processes", "address": None, "gpus_per_worker": 0}


def on(address=None, gpus_per_worker=0):
    return {"engine": "dask", "address": address, "gpus_per_worker": gpus_per_worker}


def squared(item, offset=0):
    return item * item + offset


def written(item, folder):
    """Leaves a line for every time that it was done, and the process that did it."""
    time.sleep(0.01)
    with open(Path(folder) / str(item), "a") as file:
        file.write(f"{os.getpid()}\n")
    return os.getpid()


def deadly_once(item, folder):
    mark = Path(folder) / str(item)
    if item == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def deadly(item):
    if item == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def inner_process(item):
    return os.getpid(), parallel_map(process_of, [1, 2, 3], "inner")


def process_of(item):
    return os.getpid()


def failing(item):
    raise ValueError(f"item {item} is wrong")


def lose(item, reason):
    return item, reason


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and two workers, as somebody else would have started them."""
    with (
        dask_cluster._settings(),
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
        ) as one,
    ):
        yield one


@pytest.fixture
def joined(cluster, tmp_path):
    with engine(on(cluster.scheduler_address), tmp_path):
        yield


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_results_in_the_order_of_the_items(workers):
    with engine(PROCESSES):
        assert parallel_map(squared, range(20), "squares", workers, offset=1) == [item * item + 1 for item in range(20)]


def test_dask_gives_the_same_results_in_the_same_order(joined):
    assert parallel_map(squared, range(3000), "squares", offset=1) == [item * item + 1 for item in range(3000)]
    assert parallel_map(squared, [], "nothing") == []


def test_dask_works_on_all_workers_and_does_each_item_once(joined, tmp_path):
    (tmp_path / "out").mkdir()
    assert len(set(parallel_map(written, range(200), "files", folder=str(tmp_path / "out")))) == 2
    assert all(len(path.read_text().splitlines()) == 1 for path in (tmp_path / "out").iterdir())


def test_one_worker_is_this_process_whatever_the_engine(joined):
    assert parallel_map(process_of, range(3), "here", workers=1) == [os.getpid()] * 3


def test_a_driver_clears_away_what_a_killed_one_left(cluster, tmp_path):
    folder = tmp_path / dask_cluster.SHARED
    left, others = folder / f"{platform.node()}.999999999.0123", folder / f"{platform.node()}.{os.getppid()}.0123"
    left.mkdir(parents=True)
    others.mkdir()
    with engine(on(cluster.scheduler_address), tmp_path):
        assert parallel_map(squared, [3], "squares") == [9]
    assert list(folder.iterdir()) == [others]


def test_work_for_a_gpu_goes_to_dasks_workers_though_in_processes_one_does_it_all(joined):
    here = {os.getpid()}
    assert here.isdisjoint(parallel_map(process_of, [1, 2, 3], "pids", workers=1, gpu=True))
    assert set(map_in_processes(process_of, [1, 2, 3], "pids", 1, True, {})) == here


@pytest.mark.parametrize("where", ["processes", "dask"])
def test_what_a_worker_maps_it_maps_by_itself(where, cluster, tmp_path):
    with engine(PROCESSES if where == "processes" else on(cluster.scheduler_address), tmp_path):
        for process, inner in parallel_map(inner_process, range(2), "outer", workers=2):
            assert process != os.getpid()
            assert set(inner) == {process}


def test_an_error_of_the_function_is_raised_as_it_is(joined):
    with pytest.raises(ValueError, match="item 0 is wrong"):
        parallel_map(failing, [0], "fails")


def test_the_items_of_a_killed_worker_are_done_by_another(joined, tmp_path):
    assert parallel_map(deadly_once, range(6), "killed once", folder=str(tmp_path)) == list(range(6))


def test_an_item_that_kills_its_worker_three_times_is_passed_over_and_its_batch_is_not(joined, caplog):
    results = parallel_map(deadly, range(8), "killers", lost=lose)
    assert [result for result in results if isinstance(result, int)] == [0, 1, 2, 3, 4, 6, 7]
    item, reason = results[5]
    assert item == 5
    assert reason.startswith("it killed its worker 3 times")
    assert "killers: 5 is passed over" in caplog.text


def test_without_a_place_for_lost_items_the_run_ends_in_a_sentence_when_the_others_are_done(joined, monkeypatch):
    monkeypatch.setattr(batches._Run, "results", lambda run: [1, Lost(), 3])
    with pytest.raises(ClickException) as caught:
        parallel_map(squared, ["a", "b", "c"], "squares")
    assert caught.value.message.startswith(
        "squares: 1 of 3 items were passed over, and it takes them all; the first, b: it killed"
    )


def test_a_batch_remembers_what_its_workers_died_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inside, "a_worker", lambda: True)  # what it says of a process is for good
    (tmp_path / JOB).write_bytes(pickle.dumps((squared, {})))
    (tmp_path / "of_three").write_bytes(bytes([0, DEATHS, DEATHS - 1]))
    _, results = run_batch(str(tmp_path), source_hash(), str(tmp_path), "of_three", [1, 2, 3])
    assert (results[0], type(results[1]), results[2]) == (1, Lost, 9)
    assert not (tmp_path / "of_three").exists()


def test_a_batch_is_handed_back_after_a_second_with_what_was_done_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inside, "a_worker", lambda: True)
    monkeypatch.setattr(batch, "SECONDS", 0.03)
    (tmp_path / JOB).write_bytes(pickle.dumps((written, {"folder": str(tmp_path)})))
    _, results = run_batch(str(tmp_path), source_hash(), str(tmp_path), "long", list(range(100)))
    assert 1 <= len(results) < 10


def test_a_killed_process_is_one_sentence():
    with pytest.raises(ClickException, match="killers: a worker process was killed, most likely for want of memory"):
        parallel_map(deadly, range(8), "killers", workers=2)


def test_a_killed_scheduler_is_one_sentence_and_the_same_command_goes_on(tmp_path):
    """Scheduler and worker are processes of their own, as on a cluster."""
    (tmp_path / "out").mkdir()
    address, scheduler, worker = started_scheduler(tmp_path)
    try:
        with engine(on(address), tmp_path):
            threading.Thread(target=kill_once_work_began, args=(scheduler, tmp_path / "out")).start()
            with pytest.raises(ClickException, match="files: Dask's scheduler at .* is gone. .*the same command goes on"):
                parallel_map(written, range(2000), "files", folder=str(tmp_path / "out"))
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert 0 < len(list((tmp_path / "out").iterdir())) < 2000


def kill_once_work_began(process, folder):
    while not any(folder.iterdir()):
        time.sleep(0.05)
    process.kill()


def started_scheduler(folder):
    """Address, scheduler and one worker."""
    port = free_port()
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    log = (folder / "log").open("w")
    kept = {"env": environment, "stdout": log, "stderr": log, "cwd": folder}
    scheduler = subprocess.Popen([*dask, "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"], **kept)
    address = f"tcp://127.0.0.1:{port}"
    dask[-1] = "distributed.cli.dask_worker"
    worker = subprocess.Popen(
        [*dask, address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "20"], **kept
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.2)
    return address, scheduler, worker


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def refused(workers, folder, **more):
    started = time.monotonic()
    with pytest.raises(ClickException) as caught, engine(workers, folder, **more):
        raise AssertionError("work began")
    assert time.monotonic() - started < 30
    assert door._engine is None
    return caught.value.message


def test_an_address_where_nobody_answers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert refused(on(address), tmp_path).startswith(f"workers.address={address}: no Dask scheduler answers there; start")


def test_an_address_where_another_program_answers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 1.0)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        assert refused(on(address), tmp_path).startswith(f"workers.address={address}: no Dask scheduler answers there; start")


@pytest.mark.parametrize("address", ["nowhere", "tcp://", "http://127.0.0.1:1"])
def test_what_is_no_address_is_refused(address, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 1.0)
    assert refused(on(address), tmp_path).startswith(f"workers.address={address}: no Dask scheduler answers there; start")


def test_a_scheduler_without_workers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWER_S", 1.0)
    with dask_cluster._settings(), LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as empty:
        address = empty.scheduler_address
        assert (
            refused(on(address), tmp_path) == f"The scheduler at {address} has no workers: start some, `dask worker {address}`."
        )


def test_workers_with_other_code_are_refused(cluster, tmp_path, monkeypatch):
    ours = seen_here([], [])
    monkeypatch.setattr(dask_cluster, "seen_here", lambda *places: ours | {"version": "saga-kedro 9"})
    assert f"has {ours['version']}, and this is saga-kedro 9: install the same on both." in refused(
        on(cluster.scheduler_address), tmp_path
    )


def test_workers_that_do_not_see_the_project_are_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "look", look_elsewhere)
    sentence = refused(on(cluster.scheduler_address), tmp_path)
    assert f"does not see {tmp_path}: the project lies in a folder that all machines share, under the same path." in sentence


def look_elsewhere(token, needs, weights, with_gpu, dask_worker):
    """The same question, put to a worker for whom the driver's file does not exist."""
    return look(f"{token}.of_another_machine", needs, weights, with_gpu, dask_worker)


def test_workers_with_other_weights_are_refused(cluster, tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    ours = seen_here([], [str(tmp_path)])
    monkeypatch.setattr(dask_cluster, "seen_here", lambda *places: ours | {"weights": {str(tmp_path): "0123"}})
    assert f"has other weights in {tmp_path}: give it the same." in refused(
        on(cluster.scheduler_address), tmp_path, weights=[tmp_path]
    )


def test_without_a_gpu_where_gpus_are_asked_for_the_run_is_refused(cluster, tmp_path):
    address = cluster.scheduler_address
    assert refused(on(address, 1), tmp_path) == (
        f"workers.gpus_per_worker=1, but no worker of the scheduler at {address} has so many: "
        "start some with `dask worker --resources GPU=1`."
    )
    assert refused(on(None, 1), tmp_path) == "workers.gpus_per_worker=1, but this machine has 0 GPUs to use."


def test_each_gpu_of_this_machine_gets_a_worker_that_sees_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_gpus", lambda: ["2", "5"])
    with engine(on(), tmp_path):
        seen = set(parallel_map(visible_gpus, range(40), "GPUs", gpu=True))
    assert seen == {"2", "5"}


def visible_gpus(item):
    time.sleep(0.05)
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_without_the_extra_dask_is_refused_with_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "saga_kedro.parallel.cluster")
    assert refused(on(), tmp_path) == (
        "workers.engine=dask needs the package distributed: install the extra `cluster`, on every machine that works."
    )


def test_dask_is_imported_only_where_it_is_asked_for():
    code = "import sys; import saga_kedro.settings, saga_kedro.parallel; print('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
