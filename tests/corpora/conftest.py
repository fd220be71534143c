"""Paths of a corpus are relative to the project, here a folder of the test's own."""

import pytest


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
