"""Two runs at the same time: those that use the same tables are refused in a sentence, or wait; others go side by side."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import mlflow
import pytest
import yaml
from click import ClickException
from kedro.framework.project import configure_project

from saga_kedro.errors import SagaError
from saga_kedro.locks import RunLock, joins_another
from saga_kedro.pipeline_registry import register_pipelines
from saga_kedro.pipelines.run_hook import uses
from scratch_project import ROOT, make_project, run_pipeline

MANIFEST, CLIPS = "data/02_intermediate/demo/manifest.parquet", "data/03_primary/demo/clips.parquet"

HOLD = """
import os, sys, time
from saga_kedro.locks import RunLock

lock = RunLock(".")
lock.take("train", [], sys.argv[1].split(","), wait=False)
if sys.argv[2] == "forks":
    begun, begin = os.pipe()
    if os.fork() == 0:  # as a loader's process, which outlives a killed training by seconds
        os.write(begin, b"1")
        time.sleep(60)
    os.read(begun, 1)  # a fork that has not yet run holds what its parent held
print("held", flush=True)
sys.stdin.readline()
lock.release()
"""


class Holder:
    """A process that holds the lock of a run, until it is asked to let go or is killed."""

    def __init__(self, project: Path, writes: str, forks: bool = False) -> None:
        command = [sys.executable, "-c", HOLD, writes, "forks" if forks else "alone"]
        self.process = subprocess.Popen(
            command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "held\n"

    def let_go(self) -> None:
        self.process.communicate("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def holds(tmp_path) -> Iterator[Callable[..., Holder]]:
    holders = []

    def hold(writes: str = MANIFEST, project: Path = tmp_path, forks: bool = False) -> Holder:
        holders.append(Holder(project, writes, forks))
        return holders[-1]

    yield hold
    for holder in holders:
        with suppress(ProcessLookupError):
            os.killpg(holder.process.pid, signal.SIGKILL)  # a fork outlives what forked it
        holder.process.wait()


def take(project: Path, reads: Sequence[str] = (), writes: Sequence[str] = (), wait: bool = False) -> RunLock:
    lock = RunLock(project)
    lock.take("ingest", list(reads), list(writes), wait)
    return lock


@pytest.mark.parametrize("use", [{"writes": (MANIFEST,)}, {"reads": (MANIFEST,)}])
def test_who_uses_a_table_that_is_being_written_is_told_who_writes_it(tmp_path, holds, use):
    holder = holds()
    with pytest.raises(SagaError) as error:
        take(tmp_path, **use)
    said = str(error.value)
    assert said.startswith("The dataset demo is in use by another run (`train`, process ")
    assert f"process {holder.process.pid} on {os.uname().nodename}, since 2" in said
    assert f"which writes {MANIFEST}: start again when it has ended, let this run wait" in said


def test_a_table_that_is_being_read_is_not_written(tmp_path):
    reader = take(tmp_path, reads=(CLIPS,))
    with pytest.raises(SagaError, match=f"which reads {CLIPS}"):
        take(tmp_path, writes=(CLIPS,))
    take(tmp_path, reads=(CLIPS,)).release()  # but read
    reader.release()
    take(tmp_path, writes=(CLIPS,)).release()


def test_a_folder_is_used_with_what_is_in_it(tmp_path):
    model = take(tmp_path, writes=("data/06_models/demo/a1/fit.json",))
    with pytest.raises(SagaError, match="The dataset demo is in use"):
        take(tmp_path, reads=("data/06_models/demo/a1",))
    take(tmp_path, reads=("data/06_models/demo/a12",)).release()
    model.release()


def test_another_dataset_goes_beside_it(tmp_path, holds):
    holder = holds()
    other = take(tmp_path, writes=(MANIFEST.replace("demo", "other"),))
    assert len(list((tmp_path / "data/.locks").glob("*.json"))) == 2  # both hold what they use
    other.release()
    holder.let_go()
    assert not list((tmp_path / "data/.locks").glob("*.json"))


def test_who_waits_goes_on_when_the_other_has_ended(tmp_path, holds):
    holder = holds()
    threading.Timer(0.5, holder.let_go).start()
    began = time.monotonic()
    take(tmp_path, writes=(MANIFEST,), wait=True).release()
    assert time.monotonic() - began > 0.5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("forks", [False, True])
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holds, forks):
    holder = holds(forks=forks)
    holder.kill()
    take(tmp_path, writes=(MANIFEST,)).release()
    assert sorted(path.name for path in (tmp_path / "data/.locks").iterdir()) == ["gate.lock"]


def test_a_further_node_joins_the_run_of_the_first_and_what_a_scheduler_sets_changes_nothing(monkeypatch):
    monkeypatch.setenv("NODE_RANK", "0")
    assert not joins_another(nodes=2)
    for name in ("NODE_RANK", "RANK"):
        monkeypatch.setenv(name, "1")
    assert joins_another(nodes=2)
    assert not joins_another(nodes=1)


def catalog(dataset: str, run: str) -> dict[str, dict[str, str]]:
    """The catalog's configuration of a dataset and of a training with other parameters."""
    text = (ROOT / "conf/base/catalog.yml").read_text().replace("${globals:model}", "data/06_models/${globals:fit}")
    for stage in ("fit", "evaluate", "report"):
        text = text.replace(f"${{globals:{stage}}}", f"{dataset}-{run}")
    return yaml.safe_load(re.sub(r"\$\{globals:\w+\}", dataset, text))


def beside(tmp_path: Path, one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Whether two runs (pipeline, dataset, training) go side by side, whichever comes first."""
    configure_project("saga_kedro")
    pipelines = register_pipelines()
    answers = set()
    for first, second in ((one, other), (other, one)):
        lock = RunLock(tmp_path)
        lock.take(first[0], *uses(pipelines[first[0]], catalog(*first[1:]), tmp_path), wait=False)
        try:
            take(tmp_path, *uses(pipelines[second[0]], catalog(*second[1:]), tmp_path)).release()
            answers.add(True)
        except SagaError:
            answers.add(False)
        lock.release()
    (answer,) = answers
    return answer


def test_which_pipelines_go_side_by_side(tmp_path):
    assert not beside(tmp_path, ("train", "demo", "a1"), ("train", "demo", "a1"))
    assert not beside(tmp_path, ("train", "demo", "a1"), ("train", "demo", "b2"))  # they share clips, captions and scores
    assert not beside(tmp_path, ("fit", "demo", "a1"), ("ingest", "demo", "a1"))
    assert not beside(tmp_path, ("fit", "demo", "a1"), ("resample", "demo", "a1"))
    assert not beside(tmp_path, ("fit", "demo", "a1"), ("evaluate", "demo", "a1"))
    assert not beside(tmp_path, ("audit", "demo", "a1"), ("train", "demo", "a1"))
    assert beside(tmp_path, ("train", "demo", "a1"), ("train", "other", "a1"))
    assert beside(tmp_path, ("fit", "demo", "a1"), ("fit", "demo", "b2"))  # two configurations on the same clips
    assert beside(tmp_path, ("train", "demo", "a1"), ("targets", "demo", "a1"))  # `make ui` while a model is trained


def test_a_run_that_is_refused_has_done_nothing_and_one_that_ended_holds_nothing(tmp_path, holds, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make_project(tmp_path / "project")
    holder = holds(project=folder, writes="data/02_intermediate/demo/manifest.parquet")
    with pytest.raises(ClickException, match="The dataset demo is in use"):
        run_pipeline(folder, "ingest")
    assert not [path for path in (folder / "data").rglob("*") if path.is_file() and path.parent.name != ".locks"]
    run_pipeline(folder, "targets")
    holder.let_go()
    assert sorted(path.name for path in (folder / "data/.locks").iterdir()) == ["gate.lock"]
    assert mlflow.search_runs(search_all_experiments=True, output_format="list")
