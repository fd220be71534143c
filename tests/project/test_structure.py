"""The house's rules: imports go one way, and only the edges know Kedro and click, a lock names no index."""

import ast
import re
from pathlib import Path

from scratch_project import ROOT

SOURCE = ROOT / "src/saga_kedro"
FILES = sorted(SOURCE.rglob("*.py"))
FLOORS = [
    ("audio",),
    ("captioning", "corpora"),
    ("model",),
    ("training",),
    ("evaluation",),
    ("reporting",),
    ("audit",),
    ("pipelines",),
]
"""From the ground up: what lies in one floor imports nothing from those above it."""
EDGES = ("pipelines/", "settings.py", "pipeline_registry.py", "__main__.py")
COMMANDS = ("cli.py", "use/command.py", "scale/command.py", "diagnosis/command.py", "pipelines/run_hook.py")


def place(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def named(file: Path) -> set[str]:
    """Modules that a file imports, and strings in it that name one of this package (`saga_kedro.training.fit`)."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"saga_kedro(\.\w+)+", node.value):
            found.add(node.value)
    return found


def test_imports_go_one_way():
    floors = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
    climbing = {}
    for file in FILES:
        height = floors.get(place(file).split("/")[0], len(FLOORS))
        rooms = {name.split(".")[1] for name in named(file) if name.startswith("saga_kedro.")}
        if above := {room for room in rooms if floors.get(room, -1) > height}:
            climbing[place(file)] = above
    assert climbing == {}


def importers(*packages: str) -> set[str]:
    """The files that import one of these packages."""
    return {place(file) for file in FILES if any(name.split(".")[0] in packages for name in named(file))}


def test_only_the_pipelines_know_kedro_and_only_the_commands_know_click():
    assert {file for file in importers("kedro", "kedro_mlflow", "kedro_datasets") if not file.startswith(EDGES)} == set()
    assert importers("click", "typer") <= set(COMMANDS)


def test_locks_name_no_index():
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links", (ROOT / "requirements.lock").read_text())
    assert "resolved" not in (ROOT / "web/package-lock.json").read_text()


def test_experiments_are_imported_by_nothing():
    everything = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert not [file for file in everything if any(name.split(".")[0] == "experiments" for name in named(file))]
