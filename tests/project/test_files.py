"""Folders are listed once, and hold what they are to hold."""

from saga_kedro.files import keep_only, names_in


def test_a_folder_is_listed_by_name_and_one_that_is_not_there_holds_nothing(tmp_path):
    (tmp_path / "a.json").touch()
    (tmp_path / "b").mkdir()
    assert names_in(tmp_path) == {"a.json", "b"}
    assert names_in(tmp_path / "nowhere") == set()


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
