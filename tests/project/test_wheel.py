"""The wheel, as a stranger gets it: built, installed with its dependencies into an empty environment, used without network."""

import shutil
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile

from package_index import ROOT, need_index, uv

# Read by Python at every start in that environment: from then on nothing there reaches a network.
NO_NETWORK = """\
import socket

def refuse(*arguments, **options):
    raise OSError("the network is refused")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: what an earlier build left in the work tree would be packed too."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    subprocess.run(build, check=True, capture_output=True, cwd=source)
    return next((source / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """The `bin` of an environment with the wheel, what it depends on, and no network."""
    need_index()
    folder = tmp_path_factory.mktemp("bare") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    # Copied: sitecustomize.py must not land in a folder that uv shares with other environments.
    installed = uv("pip", "install", "--link-mode", "copy", "--python", str(folder / "bin/python"), str(wheel))
    assert installed.returncode == 0, installed.stderr
    (site_packages(folder) / "sitecustomize.py").write_text(NO_NETWORK)
    return folder / "bin"


def site_packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python3.*/site-packages"))


def run(bare: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of that environment, which sees nothing of this one."""
    alone = {"PATH": f"{bare}:/usr/bin:/bin", "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    return subprocess.run([str(bare / command[0]), *command[1:]], cwd=cwd, env=alone, capture_output=True, text=True)


def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as packed:
        name = next(name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(packed.read(name).decode())


def test_the_wheel_holds_the_model_the_templates_and_the_words(wheel):
    with ZipFile(wheel) as packed:
        names = set(packed.namelist())
    package = ROOT / "src/saga_kedro"
    data = [*package.glob("pretrained/*"), *package.glob("reporting/templates/*"), package / "audit/words.yml"]
    assert {str(path.relative_to(ROOT / "src")) for path in data if path.is_file()} <= names
    assert len(data) >= 5
    assert not [name for name in names if name.startswith(("tests/", "conf/"))]


def test_the_wheel_says_its_licence_and_has_the_readme(wheel):
    said = metadata(wheel)
    assert said["License-Expression"] == "Apache-2.0"
    assert said["License-File"] == "LICENSE"
    assert said["Requires-Python"] == "<3.15,>=3.11"
    assert said["Description-Content-Type"] == "text/markdown"
    assert str(said.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()
    with ZipFile(wheel) as packed:
        licence = next(name for name in packed.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        assert packed.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_twine_finds_nothing_wrong(wheel):
    checked = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", str(wheel)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_environment_is_light(bare):
    installed = site_packages(bare.parent)
    for heavy in ("torch", "kedro", "mlflow", "scipy", "pandas", "lightning"):
        assert not (installed / heavy).exists()
    size = sum(path.stat().st_size for path in installed.rglob("*") if path.is_file())
    assert size < 200e6, f"{size / 1e6:.0f} MB"


def test_without_a_network_it_says_its_version_and_super_resolve_is_there_from_python(bare, wheel, tmp_path):
    asked = run(bare, "python", "-c", "import socket; socket.create_connection(('127.0.0.1', 9))", cwd=tmp_path)
    assert "the network is refused" in asked.stderr
    said = run(bare, "saga", "--version", cwd=tmp_path)
    assert said.stdout.strip() == f"saga-kedro {metadata(wheel)['Version']}", said.stderr
    imported = run(bare, "python", "-c", "from saga_kedro import super_resolve", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr


def test_numbers_are_diagnosed_and_what_needs_the_project_is_one_sentence(bare, tmp_path):
    said = run(bare, "saga", "diagnose", "--loss", "1.2", "--lsd", "30", "--sdr", "-70", "--grad-norm", "1000", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "most likely first" in said.stdout
    refused = run(bare, "saga", "plan", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith("which only the whole project has: see `make train`.")


def test_a_muffled_file_gets_an_upper_band_without_a_network(bare, tmp_path):
    rate = 44_100
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(rate))
    spectrum[np.fft.rfftfreq(rate, 1 / rate) > 4_000] = 0
    muffled = np.fft.irfft(spectrum)
    soundfile.write(tmp_path / "in.wav", 0.5 * muffled / np.abs(muffled).max(), rate, subtype="FLOAT")
    given, _ = soundfile.read(tmp_path / "in.wav")
    done = run(bare, "saga", "super-resolve", "in.wav", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result, result_rate = soundfile.read(next((tmp_path / "out").glob("in*.wav")))
    assert result_rate == rate
    band = np.abs(np.fft.rfft(result))[5_000:12_000].mean()
    assert band > 100 * np.abs(np.fft.rfft(given))[5_000:12_000].mean()
