"""Folders hold what they are to hold."""

from saga_kedro.files import keep_only


def test_only_what_is_wanted_stays_however_its_path_is_written(tmp_path, monkeypatch):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("kept", "stale", "sub/kept", "sub/stale", "sub/relative"):
        (tmp_path / "real" / name).touch()
    monkeypatch.chdir(tmp_path / "real" / "sub")
    wanted = [tmp_path / "link" / "kept", str(tmp_path / "real" / "sub" / ".." / "sub" / "kept"), "relative"]
    assert keep_only(tmp_path / "link", wanted) == 2
    left = sorted(path.relative_to(tmp_path / "real").as_posix() for path in (tmp_path / "real").rglob("*") if path.is_file())
    assert left == ["kept", "sub/kept", "sub/relative"]
