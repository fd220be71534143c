"""The script that runs the failing code's own functions beside ours: its table, and what it says without a checkout."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/as_found_against_source.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("as_found_against_source", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def verdict(script, theirs, ours):
    return script.Row("part", "their", "our", theirs, ours).cells()[5]


def test_rounding_is_the_same_and_more_differs(script):
    assert verdict(script, [1.0, 2.0], [1.0, 2.00001]) == "same"
    assert verdict(script, [1.0, 2.0], [1.0, 2.1]) == "differs"
    assert verdict(script, [1.0, float("nan")], [1.0, 2.0]) == "differs"
    assert verdict(script, [1.0], [1.0, 2.0]) == "differs"
    assert verdict(script, None, None) == "not in this revision"


def test_the_table_is_markdown_or_csv(script):
    rows = [script.Row("LSD", "compute_lsd", "lsd_in_decibels", [30.0], [30.5], 'a "why"')]
    assert script.table(rows, ".md").splitlines()[2].startswith("| LSD | compute_lsd | lsd_in_decibels | 5.0e-01 |")
    assert script.table(rows, ".csv").splitlines()[1].endswith('"differs","a ""why"""')


def test_their_functions_are_taken_out_of_a_file_whose_imports_are_missing(script, tmp_path):
    file = tmp_path / "theirs.py"
    file.write_text("import not_installed\n\ndef twice(x):\n    return 2 * number(x)\n\nraise SystemExit\n")
    assert script.taken(file, script.named("twice"), {"number": float})["twice"]("3") == 6.0


def test_another_folder_or_revision_is_one_sentence_with_the_way_to_get_the_right_one(script, tmp_path):
    with pytest.raises(SystemExit, match="is no clone of judgeyjj/speechsr; get one: git clone"):
        script.check_revision(tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    with pytest.raises(SystemExit, match="is at .*, not f48b714; mend it: git clone"):
        script.check_revision(tmp_path)
