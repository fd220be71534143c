"""What a person reads on the terminal while `kedro run` works: what it does, and no warning of a library."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

from saga_kedro.quiet import without_warnings
from scratch_project import make_project

# `UserWarning:`, a log's WARNING, and `/path/of/a/library.py:123: ...`, as Lightning has it, which leaves the word out
WARNS = re.compile(r"warning|\.py:\d+: ", re.IGNORECASE)


def kedro(folder: Path, *arguments: str) -> list[str]:
    """The lines that a `kedro` command prints, on standard output and standard error; it must succeed."""
    command = [str(Path(sys.executable).with_name("kedro")), *arguments]
    # the filters of the tests, or of who runs them, are not a person's
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout.splitlines()


def test_a_training_and_its_evaluation_print_no_warning(tmp_path):
    folder = make_project(tmp_path / "project")
    lines = kedro(folder, "run", "--pipeline", "train")
    assert any("Pipeline execution completed" in line for line in lines)
    assert [line for line in lines if WARNS.search(line)] == []
    lines = kedro(folder, "run", "--nodes", "find_clips")  # a part of it, which is done already
    assert any("Pipeline execution completed" in line for line in lines)
    assert [line for line in lines if WARNS.search(line)] == []


def test_a_warning_that_is_not_named_still_shows(recwarn):
    with without_warnings("known"):
        warnings.warn("a known one", stacklevel=1)
        warnings.warn("another", stacklevel=1)
    assert [str(one.message) for one in recwarn] == ["another"]
