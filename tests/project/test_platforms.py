"""What can be installed where: resolved for each platform from here, not run there. docs/platforms.md has it as a table."""

import pytest

from package_index import PLATFORMS, PYTHONS, ROOT, need_index, resolve


@pytest.fixture(autouse=True)
def _from_an_index_for_macos_14(monkeypatch):
    """PyTorch's and onnxruntime's wheels are for macOS 14 and later; uv takes 13 by default."""
    need_index()
    monkeypatch.setenv("MACOSX_DEPLOYMENT_TARGET", "14.0")


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_light_package_resolves(platform, python, tmp_path):
    found = resolve(["-r", "pyproject.toml"], platform, python, tmp_path)
    assert "onnxruntime" in found
    for heavy in ("torch", "scipy", "pandas", "kedro", "mlflow"):
        assert f"+ {heavy}==" not in found


def test_the_project_resolves_but_for_what_the_lock_adds(tmp_path):
    found = resolve(["-r", "pyproject.toml", "--extra", "project", "--extra", "demo"], PLATFORMS[0], "3.11", tmp_path)
    assert "+ torch==2.14.1" in found
    assert "stable-audio-tools" not in found


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_installs_without_dependencies(platform, tmp_path):
    found = resolve(["--no-deps", "-r", str(ROOT / "requirements.lock")], platform, "3.11", tmp_path)
    assert "+ stable-audio-tools==0.0.19" in found
    assert ("+ triton==" in found) == ("+ nvidia-cublas==" in found) == ("linux" in platform)
