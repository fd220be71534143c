"""`kedro run --pipeline audit` on a scratch project."""

import json
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from scratch_project import make_project, run_pipeline

SMALL = {"fit.steps": 4, "fit.steps_per_epoch": 2, "sample.steps": 2, "model.backbone.depth": 1}
BUDGET = {"seeds": 2, "pairs_per_category": 1, "excerpt_seconds": 0.5, "segments_per_category": None, "set": SMALL}
SOME = {"issue": "low_band+rolloff_prepend_dim", "design": "add_one", "budgets": {"quick": BUDGET}}
REPORTS = Path("data/08_reporting/demo")


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A project in which two issues were audited; the working folder while these tests run."""
    folder = make_project(tmp_path_factory.mktemp("audit") / "project")
    run_pipeline(folder, "audit", audit=SOME)
    return folder


def test_the_report_and_its_tables_are_written(audited):
    written = json.loads((audited / REPORTS / "audit.json").read_text())
    html = (audited / written["html"]).read_text()
    assert "low_band: Low-frequency replacement" in html
    assert "low_band: 低频替换" in (audited / written["chinese"]).read_text()
    assert "修复" not in html  # only what is quoted in the issues that were asked for
    assert "恢复论文所述的后处理流程" in html
    assert ": nan" not in html


def test_the_page_is_drawn_again_from_what_was_saved(audited):
    written = json.loads((audited / REPORTS / "audit.json").read_text())
    before = (audited / written["html"]).read_text()
    (audited / written["html"]).unlink()
    run_pipeline(audited, "audit_report", audit={"findings": written["findings"]})
    assert (audited / written["html"]).read_text() == before


def test_every_arm_has_a_verdict(audited):
    verdicts = pd.read_csv(audited / REPORTS / "audit_verdicts.csv")
    kinds = verdicts.set_index("arm")["kind"]
    assert kinds["zero"] == "crashes"
    assert kinds["configured"] == "not_run"
    assert set(kinds[["none", "below_200_hz", "cross_fade", "authors"]]) == {"one_training"}


def test_running_again_runs_nothing_again(audited):
    records = {path: path.stat().st_mtime_ns for path in (audited / "data/07_model_output/audit").rglob("*.json")}
    models = {path: path.stat().st_mtime_ns for path in (audited / "data/06_models/audit").rglob("*.safetensors")}
    before = pd.read_csv(audited / REPORTS / "audit_verdicts.csv")
    runs = len(mlflow.search_runs(experiment_names=["saga_kedro"]))
    run_pipeline(audited, "audit", audit=SOME)
    assert all(path.stat().st_mtime_ns == time for path, time in {**records, **models}.items())
    pd.testing.assert_frame_equal(pd.read_csv(audited / REPORTS / "audit_verdicts.csv"), before)
    assert len(mlflow.search_runs(experiment_names=["saga_kedro"])) == runs


def test_an_unknown_issue_is_refused_before_anything_runs(audited):
    with pytest.raises(Exception, match="There is no issue 'low_bend': did you mean low_band"):
        run_pipeline(audited, "audit", audit={**SOME, "issue": "low_bend"})
