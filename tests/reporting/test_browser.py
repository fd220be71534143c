"""What a person's browser shows: the report from disk, and our run beside the paper's in MLflow's UI."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import pytest

from found_audit import found_audit
from saga_kedro.audit.report import write_pages
from saga_kedro.reporting.html import write_html
from saga_kedro.reporting.mlflow_views import VIEW, log_paper_runs, set_up_experiment
from saga_kedro.reporting.report import build_report
from scratch_project import empty_store


@pytest.fixture(scope="module")
def ui(pictures, paper_targets, tmp_path_factory):
    """MLflow's UI over a store with one run of ours and the paper's: its address and the experiment's id."""
    folder = tmp_path_factory.mktemp("ui")
    store = empty_store(folder)
    mlflow.set_tracking_uri(store)
    experiment = mlflow.MlflowClient().create_experiment("saga_kedro", artifact_location=str(folder / "artifacts"))
    log_paper_runs(paper_targets, experiment)
    set_up_experiment(experiment)
    with mlflow.start_run(experiment_id=experiment, run_name="demo, 6 steps"):
        mlflow.log_metric("eval/LSD/speech/4kHz", 1.9876)
    port = pictures.free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--port", str(port), "--workers", "1"]
    alone = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # or it starts a Python for each kind of job
    process = subprocess.Popen(
        command, cwd=folder, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "MLflow's server stopped"
                assert time.monotonic() < until, "MLflow's server did not start within 90 s"
                time.sleep(0.5)
        yield address, experiment
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_opens_from_disk_and_asks_nothing_of_the_network(browser, findings, tmp_path, width):
    report = write_html(build_report(findings), tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    headline = page.locator("table").first.inner_text()
    assert "audiosr" in headline
    assert "paper: SAGA-SR" in headline
    assert page.locator("img").first.evaluate("picture => picture.naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(url.startswith(("file:", "data:")) for url in asked)
    page.close()


@pytest.fixture(scope="module")
def audit_pages(tmp_path_factory):
    return write_pages(found_audit(), tmp_path_factory.mktemp("audit") / "audit")


def test_the_audits_pages_name_each_other_and_nothing_else(audit_pages):
    for name, other in (("html", "audit.zh.html"), ("chinese", "audit.html")):
        document = Path(audit_pages[name]).read_text(encoding="utf-8")
        assert f'href="{other}"' in document
        assert not re.findall(r'(?:src|href)="(?!data:|#|audit)', document)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("language", ["html", "chinese"])
def test_the_audits_page_fits_the_screen_and_its_links_lead_somewhere(browser, audit_pages, language, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(Path(audit_pages[language]).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    beyond = "x => !x.closest('.scroll') && x.getBoundingClientRect().right > innerWidth + 1"
    assert page.evaluate(f"[...document.querySelectorAll('main *')].filter({beyond}).length") == 0
    first = page.locator("section img").first.evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")
    assert (first[0] > first[1]) == (width == 1280)  # a phone has the ladder's panels one under the other
    lines = page.locator(".forest").first.locator(".line")
    assert lines.count() == 20
    lines.first.locator("a").click()
    assert page.evaluate("document.querySelector(decodeURIComponent(location.hash)).getBoundingClientRect().top") < 900
    page.get_by_text("English" if language == "chinese" else "中文").click()
    assert page.evaluate("document.documentElement.lang") == ("en" if language == "chinese" else "zh-CN")
    page.close()


def test_mlflow_shows_our_run_beside_the_papers(pictures, browser, ui):
    address, experiment = ui
    page = pictures.new_page(browser, 1760, 720)
    page.add_init_script(pictures.MLFLOW_STATE)
    page.goto(f"{address}/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}")
    for shown in ("demo, 6 steps", "paper: SAGA-SR", "paper: AudioSR", "eval/LSD/speech/4kHz", "1.9876", "1.28"):
        found = page.get_by_text(shown, exact=True).first
        found.wait_for()
        assert found.is_visible(), shown
    page.close()
