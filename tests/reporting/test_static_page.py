"""The page that needs no server, in a browser: a file in, the command line's result out, and nothing asked of anybody else."""

import base64
import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from must_have import missing
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.cli import app
from saga_kedro.model.saved import GRAPH, SHIPPED
from scratch_project import ROOT
from sounds import bursts_over_noise, full_band

WAIT = 80_000  # ms
DROP = """([name, base64]) => {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name));
  document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of the page, built by what `make page` runs, and served."""
    if shutil.which("npm") is None:
        missing("There is no npm: install Node.js (apt-get install nodejs npm).")
    if not (SHIPPED / GRAPH).is_file():
        missing("There is no model in src/saga_kedro/pretrained.")
    folder = tmp_path_factory.mktemp("page") / "page"
    built = subprocess.run([sys.executable, ROOT / "web" / "build.py", folder], capture_output=True, text=True, check=False)
    if built.returncode:
        missing(f"The page could not be built: {built.stderr.strip()}")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def page(browser, address):
    """Opened and ready; `asked` has the addresses of all requests."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.asked = []
    context.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(address)
    opened.locator("#status", has_text=re.compile("Ready|not")).wait_for(timeout=WAIT)
    assert opened.locator("#status").inner_text() == "Ready."
    yield opened
    context.close()


def drop(page, file: Path):
    """Drop a file and wait until all is done with it; what the page says then."""
    page.evaluate(DROP, [file.name, base64.b64encode(file.read_bytes()).decode()])
    page.locator("#status", has_text=re.compile(r"Done|nothing|wrong|cannot")).wait_for(timeout=WAIT)
    page.locator("body:not(.busy)").wait_for(timeout=WAIT)
    return page.locator("#status").inner_text()


@pytest.fixture
def recording(tmp_path):
    """Muffled, with a noise floor."""
    audio = low_pass(bursts_over_noise(-60.0, 6.0)[0], SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    soundfile.write(tmp_path / "a recording.wav", audio.T, SAMPLE_RATE, "PCM_16")
    return tmp_path / "a recording.wav"


def test_a_file_that_is_dropped_becomes_what_the_command_line_writes(page, address, recording, tmp_path):
    assert drop(page, recording) == "Done."
    assert re.match(r"Carries signal up to 4\.\d kHz", page.locator("#words").inner_text())
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "a recording.saga.wav"
    download.value.save_as(tmp_path / "ours.wav")
    ours, rate = soundfile.read(tmp_path / "ours.wav")

    done = CliRunner().invoke(app, ["super-resolve", str(recording), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    theirs, _ = soundfile.read(tmp_path / "out" / recording.name)
    assert rate == SAMPLE_RATE
    assert ours.shape == theirs.shape
    assert 20 * np.log10(np.abs(ours - theirs).max() / np.abs(theirs).max()) < -60
    above = np.abs(np.fft.rfft(ours[:, 0]))[int(5_000 * 6.0) :]
    assert np.square(above).sum() > 100 * np.square(np.abs(np.fft.rfft(soundfile.read(recording)[0][:, 0]))[30_000:]).sum()

    elsewhere = [url for url in page.asked if not url.startswith((address, "blob:", "data:"))]
    assert elsewhere == []
    assert any(url.endswith("model.safetensors") for url in page.asked)  # those of the worker are among them


def test_another_setting_is_another_result(page, recording):
    drop(page, recording)
    assert page.locator("#again").is_disabled()
    before = page.locator("#download").get_attribute("href")
    page.locator("#hiss").fill("0")
    page.locator("#again").click()
    page.locator(f"#download:not([href='{before}'])[href]").wait_for(timeout=WAIT)
    assert page.locator("#status").inner_text() == "Done."
    assert page.locator("#again").is_disabled()


def test_it_plays_and_the_switch_changes_what_is_heard(page, recording):
    drop(page, recording)
    page.locator("#play").click()
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.locator(".switch label", has_text="Before").click()
    assert "heard" in page.locator("figure[data-side=before]").get_attribute("class")
    page.locator("#play").click()
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_what_it_cannot_help_is_said(page, tmp_path):
    soundfile.write(tmp_path / "full.wav", full_band(2.0).T, SAMPLE_RATE)
    assert drop(page, tmp_path / "full.wav") == "There is nothing to do."
    assert page.locator("#words").inner_text() == "It is full-band already: it stays as it is."
    assert page.locator("#download").get_attribute("href") is None
    (tmp_path / "notes.wav").write_text("no audio")
    assert drop(page, tmp_path / "notes.wav").startswith("notes.wav cannot be decoded by this browser")
    assert not page.locator("#result").is_visible()


def test_a_file_of_8_khz_is_decoded_at_its_own_rate(page, tmp_path):
    soundfile.write(tmp_path / "call.wav", full_band(3.0, 1, 8_000).T, 8_000, "PCM_16")
    assert drop(page, tmp_path / "call.wav") == "Done."
    assert re.match(r"Carries signal up to (3\.[89]|4\.0) kHz", page.locator("#words").inner_text())


def test_the_browser_itself_refuses_to_send_anything_elsewhere(page):
    fetched = "fetch('http://127.0.0.2:9/').then(() => 'sent', error => String(error))"
    before = len(page.asked)
    for place in (page, *page.workers):
        assert "Failed to fetch" in place.evaluate(fetched)
    assert len(page.workers) == 1
    violations = page.workers[0].evaluate(
        """() => new Promise(tell => {
          addEventListener('securitypolicyviolation', event => tell(event.effectiveDirective));
          fetch('http://127.0.0.2:9/').catch(() => 0);
        })"""
    )
    assert violations == "connect-src"
    del page.asked[before:]


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen(page, recording, width):
    page.set_viewport_size({"width": width, "height": 900})
    drop(page, recording)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_browser_without_webassembly_is_told(browser, address):
    opened = browser.new_page()
    opened.add_init_script("delete globalThis.WebAssembly")
    opened.goto(address)
    assert "lacks WebAssembly" in opened.locator("#status.problem").inner_text()
    opened.close()
