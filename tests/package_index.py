"""Asking a package index through uv: what a platform and a Python would get, without installing it."""

import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[1]
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Sources alone are published of these: one is plain Python, the other is compiled, except on Windows, which has a wheel.
SOURCES = {"antlr4-python3-runtime": PLATFORMS, "libsvm-official": PLATFORMS[:3]}


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's uv, with the settings of this project's pyproject.toml."""
    return subprocess.run([sys.executable, "-m", "uv", *arguments], cwd=ROOT, capture_output=True, text=True)


@cache
def _reached() -> bool:
    """Whether an index answers, whatever an earlier run found."""
    with TemporaryDirectory() as folder:
        asked = ("--refresh-package", "mdurl", "--dry-run", "--no-deps", "--target", folder)
        return uv("pip", "install", *asked, "mdurl").returncode == 0


def need_index() -> None:
    """Skip the test where no package index can be reached."""
    if not _reached():
        pytest.skip("no package index can be reached from here, so nothing can be resolved")


def resolve(arguments: Iterable[str], platform: str, python: str, target: Path) -> str:
    """
    What uv says to installing this on that platform and Python: wheels alone, a few named sources apart.

    `target` is an empty folder. Raises AssertionError with uv's reason where something is not to be had.
    """
    sources = [word for name, where in SOURCES.items() if platform in where for word in ("--no-binary", name)]
    where = ("--target", str(target), "--python-platform", platform, "--python-version", python)
    answer = uv("pip", "install", "--dry-run", "--only-binary", ":all:", *sources, *where, *arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stderr
