"""`saga demo`: a page on this machine that does what the command does."""

import sys
import urllib.request
from pathlib import Path

import pytest
import soundfile

from must_have import must_have
from saga_kedro.use.command import WrongUsage
from saga_kedro.use.page import HOST, build, serve, super_resolve
from saga_kedro.use.settings import Settings
from sounds import muffled


@pytest.fixture(scope="module")
def page(model):
    must_have("gradio")
    return build(model)


def test_a_file_is_super_resolved_and_shown(model, tmp_path):
    soundfile.write(tmp_path / "in.wav", muffled(0.5).T, 44_100)
    (tmp_path / "out").mkdir()
    parts: list[float] = []
    after, picture, words = super_resolve(model, tmp_path / "in.wav", tmp_path / "out", Settings(seed=1), parts.append)
    assert soundfile.info(after).frames == 22_050
    assert len(picture.axes) >= 2
    assert "super-resolved (carries signal up to 4." in words
    assert parts[-1] == pytest.approx(1.0)


def test_what_is_wrong_is_a_sentence(model, tmp_path):
    (tmp_path / "in.wav").write_text("no audio")
    with pytest.raises(ValueError, match="in.wav: cannot be read as audio"):
        super_resolve(model, tmp_path / "in.wav", tmp_path, Settings(), print)


def test_the_page_is_served_here_only_and_reports_to_nobody(page):
    assert HOST == "127.0.0.1"
    assert page.analytics_enabled is False
    _, address, public = page.launch(server_name=HOST, share=False, prevent_thread_lock=True, quiet=True)
    try:
        assert address.startswith("http://127.0.0.1:")
        assert public is None
        assert "SAGA-SR" in urllib.request.urlopen(address, timeout=30).read().decode()
    finally:
        page.close()


def test_without_gradio_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(WrongUsage, match=r"saga-kedro\[demo\]"):
        serve(Path("anywhere"), "cpu", 0)
