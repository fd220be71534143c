"""What a test cannot do without: where it is missing the test is skipped on a person's machine, and fails in CI."""

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip with this sentence; fail where CI is set, as .ci/run and the services do: there nobody reads what was skipped."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(f"{what} In CI it must be there.", pytrace=False)
    pytest.skip(what)


def must_have(module: str) -> ModuleType:
    """Import a package of the extra `test`."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        missing(f"{module} is not installed: the extras `test` and `demo` bring what the tests need.")
