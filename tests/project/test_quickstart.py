"""docs/quickstart.ipynb runs from top to bottom, and shows what it says it shows."""

import json
import shutil

import pytest

from must_have import must_have
from scratch_project import ROOT, TINY, make_project, merged

NOTEBOOK = ROOT / "docs/quickstart.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook after a run with fewer steps, in a scratch project."""
    nbclient = must_have("nbclient")
    must_have("ipykernel")
    import nbformat

    both_cutoffs = merged(TINY, {"degrade": {"cutoffs_khz": [4, 8]}})
    folder = make_project(tmp_path_factory.mktemp("quickstart") / "project", both_cutoffs) / "docs"
    folder.mkdir()
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    settings = notebook.cells[1]
    assert "STEPS = 100 " in settings.source
    settings.source = settings.source.replace("STEPS = 100 ", "STEPS = 10 ")
    with pytest.MonkeyPatch.context() as patch:
        # the notebook's own Python, with the scratch project's code
        patch.setenv("PYTHONPATH", str(folder.parent / "src"), prepend=":")
        nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def shown(notebook, cell_id) -> list[dict]:
    """What a cell displayed, each with its kinds."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return [output["data"] for output in cell.outputs if "data" in output]


def printed(notebook) -> str:
    return "".join(o["text"] for cell in notebook.cells for o in cell.get("outputs", []) if o["output_type"] == "stream")


def test_it_trains_without_a_warning_and_shows_the_headline_table(executed):
    assert "Pipeline execution completed" in printed(executed)
    assert "warning" not in printed(executed).lower()
    (table,) = shown(executed, "table")
    for known in ("ours", "input, untouched", "speech 4kHz", "effects 8kHz"):
        assert known in table["text/html"]


def test_it_shows_spectrograms_and_players(executed):
    kinds = [kind for data in shown(executed, "listen") for kind in data]
    assert kinds.count("image/png") == 3
    assert sum("<audio" in data.get("text/html", "") for data in shown(executed, "listen")) == 9
    assert any("image/png" in data for data in shown(executed, "box"))
    assert sum("<audio" in data.get("text/html", "") for data in shown(executed, "box")) == 2


def test_it_is_committed_without_outputs():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert NOTEBOOK.stat().st_size < 20_000
