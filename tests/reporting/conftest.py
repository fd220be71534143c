"""A browser for the tests that look at pages."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from must_have import missing, must_have

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def pictures() -> ModuleType:
    """docs/make_pictures.py, which knows where browsers are and how they start."""
    must_have("playwright")
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(pictures: ModuleType) -> Iterator[Any]:
    """A headless Chromium."""
    if pictures.find_browser() is None:
        missing("There is no Chromium or Chrome: install one (apt-get install chromium), or name it with CHROMIUM=/path/to/it.")
    with pictures.open_browser() as opened:
        yield opened
