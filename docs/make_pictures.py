"""The tour's pictures, made again: real servers, looked at by a browser without a window.

    python docs/make_pictures.py [--project .] [--dataset demo] [--only mlflow report audit viz]

Run it in a project in which `kedro run --pipeline train` has finished (and `kedro run --pipeline audit`, for the audit's
picture). It needs Chromium or Chrome (`apt-get install chromium`; or CHROMIUM=/path/to/it), and playwright, which the extra
`test` brings. Pictures go to docs/pictures/; what cannot be shown is said and left out.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT = 60_000  # ms
# MLflow opens a chat panel at the first visit, and a menu for language models
MLFLOW_STATE = """
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
localStorage.setItem('mlflow.workflowType_v1', '"machine_learning"');
"""
# Kedro-Viz as one reads it: light, from left to right, without side bar, map and first-visit hints
VIZ_STATE = {
    "theme": "light",
    "orientation": "horizontal",
    "showFeatureHints": False,
    "showDatasetPreviews": True,
    "layer": {"visible": True},
    "textLabels": True,
    "visible": {"code": False, "graph": True, "miniMap": False, "sidebar": False, "slicing": False, "traceback": False},
}


def find_browser() -> str | None:
    """Path of a Chromium on this machine, or None: playwright's own, if it has one."""
    return os.environ.get("CHROMIUM") or next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """A headless Chromium. As root, and in containers, its sandbox does not start: it only sees our own pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield browser
        browser.close()


def free_port() -> int:
    """A port that nobody listens on; Kedro-Viz takes none above 49,151, which are those that the system would offer."""
    while True:
        port = random.randrange(20_000, 40_000)
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) != 0:
                return port


@contextlib.contextmanager
def server(project: Path, *command: str, seconds: float = 120) -> Iterator[str]:
    """Start ``kedro <command> --port <a free one>`` in a project: its address, once it answers. It is stopped in the end."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}  # kedro-mlflow calls `mlflow`
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(programs / "kedro"), *command, "--port", str(port)],
            cwd=project,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + seconds
            while not _answers(address):
                if process.poll() is not None or time.monotonic() > until:
                    said.seek(0)
                    raise RuntimeError(f"kedro {' '.join(command)} did not start in {project}: {said.read()[-500:]}")
                time.sleep(0.5)
            yield address
        finally:
            # the server has workers of its own: all of its process group, and nothing else
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True


def take(page: Page, path: Path) -> None:
    """A picture of what the page shows, as a PNG of 256 colours: a third of the size, and no difference to see."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def new_page(browser: Browser, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-GB")
    page.set_default_timeout(WAIT)
    return page


def api(address: str, path: str, **body: object) -> dict:
    """One call of MLflow's REST interface."""
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def experiment_of(address: str) -> str:
    """The id of our experiment."""
    experiments = api(address, "experiments/search", max_results=100)["experiments"]
    return next(one["experiment_id"] for one in experiments if one["name"] == "saga_kedro")


def mlflow_pictures(browser: Browser, project: Path, dataset: str, out: Path) -> None:
    """The runs in the view "Against the paper", and as charts."""
    with server(project, "mlflow", "ui") as address:
        experiment = experiment_of(address)
        page = new_page(browser, 1760, 720)
        page.add_init_script(MLFLOW_STATE)
        page.goto(f"{address}/#/experiments/{experiment}/runs?viewStateShareKey=paper")
        page.get_by_text("paper: SAGA-SR", exact=True).first.wait_for()
        page.get_by_text("eval/LSD/effects/8kHz").first.wait_for()
        with contextlib.suppress(Exception):  # a notice that the view is shared
            page.get_by_text("You're viewing a shared view").locator("xpath=ancestor::*[.//button][1]//button[last()]").click(
                timeout=2000
            )
        page.mouse.move(5, 700)
        page.wait_for_timeout(1500)
        take(page, out / "mlflow_runs.png")

        page.close()

        page = new_page(browser, 1500, 950)
        page.add_init_script(MLFLOW_STATE)
        page.goto(f"{address}/#/experiments/{experiment}/runs?compareRunsMode=CHART")
        search = page.get_by_placeholder("Search metric charts")
        search.wait_for()
        search.fill("^eval/LSD/")
        page.wait_for_timeout(12_000)
        take(page, out / "mlflow_charts.png")
        page.close()


def report_pictures(browser: Browser, project: Path, dataset: str, out: Path) -> None:
    """The report's head, its curves, and the first example."""
    report = project / "data" / "08_reporting" / dataset / "report.html"
    if not report.is_file():
        raise RuntimeError(f"{report} is not there: run `kedro run --pipeline train` first")
    page = new_page(browser, 1200, 1160)
    page.goto(report.resolve().as_uri())
    take(page, out / "report.png")
    for section in ("training", "spectrograms-and-sounds"):
        page.evaluate("section => document.getElementById(section).scrollIntoView()", section)
        page.wait_for_timeout(800)
        take(page, out / f"report_{section.replace('-', '_')}.png")
    for example in sorted(report.with_name("examples").glob("speech_*.png"))[:1]:  # one clip's input, output and reference
        shutil.copy(example, out / "spectrogram.png")
    page.close()


def audit_pictures(browser: Browser, project: Path, dataset: str, out: Path) -> None:
    """The audit's page as far as its first screens go, and its ladder."""
    found = sorted((project / "data" / "08_reporting").rglob("audit.html"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError(f"{project} has no audit.html: run `kedro run --pipeline audit` or `audit_report` first")
    page = new_page(browser, 1280, 1750)
    page.goto(found[-1].resolve().as_uri())
    take(page, out / "audit.png")
    embedded = page.locator("#the-ladder-one-fix-at-a-time img").first.get_attribute("src") or ""
    (out / "ladder.png").write_bytes(base64.b64decode(embedded.partition("base64,")[2]))
    page.close()


def viz_pictures(browser: Browser, project: Path, dataset: str, out: Path) -> None:
    """Kedro-Viz: the steps of ``train``, its datasets by layer, and the preview of the headline table."""
    with server(project, "viz", "run", "--no-browser", "--host", "127.0.0.1") as address:
        shots = (("train", "nodes", "", "kedro_viz"), ("train", "nodes,datasets", "", "kedro_viz_layers"))
        for pipeline, types, chosen, name in (*shots, ("report", "nodes,datasets", "headline", "kedro_viz_table")):
            page = browser.new_page(viewport={"width": 1900, "height": 700 if chosen else 480}, device_scale_factor=1.5)
            page.set_default_timeout(WAIT)
            state = VIZ_STATE | {"nodeType": {"disabled": {"parameters": True, "task": False, "data": "datasets" not in types}}}
            page.add_init_script(f"localStorage.setItem('KedroViz', {json.dumps(json.dumps(state))});")
            page.goto(f"{address}/?pid={pipeline}&types={types}")
            page.locator(".pipeline-node").first.wait_for()
            with contextlib.suppress(Exception):  # a notice that there is a newer version, or none
                page.get_by_text("Dismiss", exact=True).first.click(timeout=3000)
            if chosen:
                page.locator(".pipeline-node", has_text=chosen).first.click()
            page.wait_for_timeout(3000)
            take(page, out / f"{name}.png")
            page.close()


SHOTS: dict[str, Callable[[Browser, Path, str, Path], None]] = {
    "mlflow": mlflow_pictures,
    "report": report_pictures,
    "audit": audit_pictures,
    "viz": viz_pictures,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the tour's pictures.")
    parser.add_argument("--project", type=Path, default=Path(__file__).parents[1], help="the project that is shown")
    parser.add_argument("--dataset", default="demo", help="whose report is shown")
    parser.add_argument("--out", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS), help="some of the pictures")
    arguments = parser.parse_args()
    missed = 0
    with open_browser() as browser:
        for name in arguments.only:
            try:
                SHOTS[name](browser, arguments.project.resolve(), arguments.dataset, arguments.out)
            except RuntimeError as error:
                missed += 1
                print(f"{name}: {error}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
