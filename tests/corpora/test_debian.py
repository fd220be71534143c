"""Debian packages as a corpus, with packages that the test builds and an apt-get that hands them out."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from corpus_files import write_tree
from saga_kedro.corpora.debian import find_debian

CONTENTS = {
    "klettres-data": [f"usr/share/klettres/{name}.ogg" for name in ("de/alpha/a", "de/syllab/ba", "fr/alpha/a")],
    "hydrogen-drumkits": ["usr/share/hydrogen/data/drumkits/Kit 1/kick/1.wav", "usr/share/hydrogen/data/drumkits/Kit 2/1.wav"],
    "sonic-pi-samples": ["usr/share/sonic-pi/samples/bd_808.flac", "usr/share/sonic-pi/samples/bd_ada.flac"],
    "wesnoth-1.16-music": [f"usr/share/games/wesnoth/1.16/data/core/music/{name}.ogg" for name in ("battle", "battle-epic")],
    "tuxpaint-stamps-default": [
        f"usr/share/tuxpaint/stamps/{name}" for name in ("animals/dog.wav", "animals/dog_desc.ogg", "food/egg_desc_fr.ogg")
    ],
    "some-game-sounds": ["usr/share/games/some/bang.wav"],
    "some-game-data": ["usr/share/games/some/Sounds/boom.ogg", "usr/share/games/some/Sounds/voices/Anna/hello.ogg"],
    "anything": ["usr/share/anything/x.wav"],
}
COPYRIGHT = "Format: https://x\n\nFiles: *\nLicense: GPL-2+\n\nFiles: a/*\nLicense: CC0-1.0\n\nLicense: GPL-2+\n text\n"
APT_GET = """#!/bin/sh
# a stand-in: hands out what lies in the pool, and counts
name="$3"
echo "$name" >> "$POOL/asked"
[ -f "$POOL/$name.deb" ] || { echo "W: something" >&2; echo "E: Unable to locate package $name" >&2; exit 100; }
cp "$POOL/$name.deb" "./${name}_1.0_all.deb"
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder of packages, <name>.deb each."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not on this machine: it builds the packages of these tests")
    root = tmp_path_factory.mktemp("packages")
    games = root / "packed-music/usr/share/games"
    games.mkdir(parents=True)
    with zipfile.ZipFile(games / "music.pk3", "w") as archive:
        archive.writestr("sound/theme.ogg", b"")
    for name, files in (CONTENTS | {"packed-music": []}).items():
        write_tree(root / name, *files)
        (root / name / "DEBIAN").mkdir()
        about = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\n"
        (root / name / "DEBIAN/control").write_text(about)
        if name != "anything":
            (root / name / "usr/share/doc" / name).mkdir(parents=True)
            (root / name / "usr/share/doc" / name / "copyright").write_text(COPYRIGHT)
        subprocess.run(["dpkg-deb", "--build", "-Znone", name, f"{name}.deb"], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def pool(packages, tmp_path, monkeypatch):
    """The packages that apt-get finds; it takes no other."""
    pool, programs = tmp_path / "pool", tmp_path / "bin"
    pool.mkdir()
    programs.mkdir()
    for archive in packages.glob("*.deb"):
        shutil.copy(archive, pool)
    (programs / "apt-get").write_text(APT_GET)
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("POOL", str(pool))
    return pool


def test_packages_are_fetched_unpacked_and_listed(pool, tmp_path):
    sources, rejected = find_debian(tmp_path / "raw", [*CONTENTS, "packed-music"])
    assert not rejected
    assert len(sources) == sum(len(files) for files in CONTENTS.values()) + 1
    assert all(source.path.is_file() for source in sources)
    assert {(source.category, source.group) for source in sources} == {
        ("speech", "klettres-data/de"), ("speech", "klettres-data/fr"),
        ("effects", "hydrogen-drumkits/Kit 1"), ("effects", "hydrogen-drumkits/Kit 2"),
        ("effects", "sonic-pi-samples/bd"),
        ("music", "wesnoth-1.16-music/battle"),
        ("effects", "tuxpaint-stamps-default/animals"),
        ("speech", "tuxpaint-stamps-default/en"), ("speech", "tuxpaint-stamps-default/fr"),
        ("effects", "some-game-sounds/usr/share/games/some"),
        ("effects", "some-game-data/usr/share/games/some/Sounds"),
        ("speech", "some-game-data/usr/share/games/some/Sounds/voices/Anna"),
        ("other", "anything/usr/share/anything"),
        ("music", "packed-music/usr/share/games/music/sound"),  # in a game's zip archive
    }  # fmt: skip


def test_a_fetched_package_is_not_fetched_again_and_only_the_named_ones_count(pool, tmp_path):
    first, _ = find_debian(tmp_path / "raw", ["anything"])
    both, _ = find_debian(tmp_path / "raw", ["anything", "sonic-pi-samples"])
    assert (pool / "asked").read_text().split() == ["anything", "sonic-pi-samples"]
    assert both[: len(first)] == first
    assert find_debian(tmp_path / "raw", ["anything"])[0] == first
    assert {source.licence for source in both} == {"GPL-2+, CC0-1.0", "see the package anything"}  # of the copyright file


def test_nothing_that_a_killed_run_left_is_used(pool, packages, tmp_path):
    unfinished = tmp_path / "raw/.anything.unfinished"
    write_tree(unfinished / "unpacked", "usr/share/anything/half.wav")
    shutil.copy(packages / "sonic-pi-samples.deb", unfinished / "anything_9.0_all.deb")  # its name sorts behind the right one
    sources, rejected = find_debian(tmp_path / "raw", ["anything"])
    assert [source.path.name for source in sources] == ["x.wav"]
    assert not rejected
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["anything"]


def test_a_package_that_cannot_be_had_is_rejected_until_it_can_and_the_others_are_listed(pool, packages, tmp_path):
    (pool / "sonic-pi-samples.deb").write_text("no package")
    names = ["no-such-package", "sonic-pi-samples", "anything"]
    sources, rejected = find_debian(tmp_path / "raw", names)
    assert {source.group for source in sources} == {"anything/usr/share/anything"}
    assert [Path(item.path).name for item in rejected] == names[:2]
    assert rejected[0].reason == "not downloaded: Unable to locate package no-such-package (apt-get update may help)"
    assert rejected[1].reason.startswith("not unpacked: ")
    shutil.copy(packages / "sonic-pi-samples.deb", pool)
    assert [Path(item.path).name for item in find_debian(tmp_path / "raw", names)[1]] == names[:1]


def test_a_machine_without_apt_get_is_told_so_unless_all_is_there(pool, tmp_path, monkeypatch):
    find_debian(tmp_path / "raw", ["anything"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_debian(tmp_path / "raw", ["anything"])[0]
    with pytest.raises(ValueError, match="needs apt-get and dpkg-deb, which this machine lacks"):
        find_debian(tmp_path / "raw", ["anything", "sonic-pi-samples"])
