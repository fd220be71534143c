"""Git repositories as a corpus: each at one commit, under the licence that was read, whole or not at all."""

from pathlib import Path

import pytest

from corpus_files import write_noise
from git_repositories import commit, entry, git, make_repository, serve_from
from saga_kedro.corpora.examine import examine
from saga_kedro.corpora.manifest import Rejected
from saga_kedro.corpora.repositories import find_repositories

WORDS = {"folder": "words", "category": "speech", "group": r"^words/([^/]+)/"}
PIANO = {"folder": "piano", "category": "music"}
NOWHERE = "0" * 40


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder of repositories, which https://example.org/ is to git."""
    serve_from(monkeypatch, tmp_path / "gitconfig", f"file://{tmp_path / 'server'}/")
    return tmp_path / "server"


@pytest.fixture
def voices(server):
    """Two speakers, a piano and unused files; its commit."""
    return make_repository(server / "ann/voices", "words/a/1.wav", "words/b/1.flac", "piano/c4.wav", "old/x.wav", "x.wav")


def found(sources):
    return [(source.path.name, source.category, source.group) for source in sources]


def reasons(rejected):
    return [item.reason for item in rejected]


def test_folders_have_a_category_each_and_what_belongs_together_is_in_a_group(voices, tmp_path):
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, WORDS, PIANO)])
    assert found(sources) == [
        ("1.wav", "speech", "ann/voices/a"),
        ("1.flac", "speech", "ann/voices/b"),
        ("c4.wav", "music", "ann/voices/all"),
    ]
    assert not rejected
    assert {source.licence for source in sources} == {"CC-BY-4.0"}
    assert all(source.path.is_relative_to(tmp_path / "raw/ann+voices") for source in sources)


def test_of_two_folders_that_hold_a_file_the_first_counts_and_a_dot_is_all_of_the_repository(voices, tmp_path):
    everything = {"folder": ".", "category": "speech"}
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO, everything, exclude="^old/")])
    assert found(sources) == [
        ("c4.wav", "music", "ann/voices/all"),
        ("1.wav", "speech", "ann/voices/all"),
        ("1.flac", "speech", "ann/voices/all"),
        ("x.wav", "speech", "ann/voices/all"),
    ]
    assert not rejected


def test_excluded_paths_are_not_even_fetched_and_the_licence_is_kept(voices, tmp_path):
    sources, _ = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, WORDS, exclude=r"/b/")])
    assert found(sources) == [("1.wav", "speech", "ann/voices/a")]
    visible = [path for path in (tmp_path / "raw").rglob("[!.]*") if path.is_file()]
    assert {path.name for path in visible} == {"LICENSE", "1.wav"}


def test_the_commit_counts_not_what_came_later(voices, server, tmp_path):
    write_noise(server / "ann/voices/piano/later.wav", 99)
    later = commit(server / "ann/voices")
    sources, _ = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
    assert len(sources) == 1
    sources, _ = find_repositories(tmp_path / "raw", [entry("ann/voices", later, PIANO)])
    assert [source.path.name for source in sources] == ["c4.wav", "later.wav"]


def test_what_is_there_is_not_fetched_again(voices, server, tmp_path, monkeypatch):
    first, _ = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
    (server / "ann").rename(tmp_path / "gone")
    monkeypatch.setenv("PATH", str(tmp_path))
    again, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
    assert again == first
    assert not rejected


def test_of_a_server_that_can_only_the_needed_files_are_asked_for_and_all_at_once(voices, server, tmp_path, monkeypatch):
    git(server / "ann/voices", "config", "uploadpack.allowFilter", "true")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, WORDS)])
    assert len(sources) == 2
    assert not rejected
    trace = (tmp_path / "trace").read_text().splitlines()
    asked = [line for line in trace if "run_command:" in line and "upload-pack" in line]
    assert len(asked) == 3  # for the commit, the licence, the audio


def test_a_run_that_was_killed_goes_on(voices, tmp_path):
    write_noise(tmp_path / "raw/.ann+voices.unfinished/tree/piano/half.wav")
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
    assert found(sources) == [("c4.wav", "music", "ann/voices/all")]
    assert not rejected
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["ann+voices"]


def test_what_cannot_be_had_is_rejected_in_a_sentence_and_the_rest_goes_on(voices, server, tmp_path):
    make_repository(server / "bob/empty", "notes/x.wav")
    sources, rejected = find_repositories(
        tmp_path / "raw",
        [
            entry("bob/none", voices, PIANO),
            entry("ann/voices", NOWHERE, PIANO),
            entry("bob/empty", git(server / "bob/empty", "rev-parse", "HEAD"), PIANO),
            entry("ann/voices", voices, PIANO),
        ],
    )
    assert found(sources) == [("c4.wav", "music", "ann/voices/all")]
    assert [Path(item.path).name for item in rejected] == ["bob+none", "ann+voices", "bob+empty"]
    assert "bob/none' does not appear to be a git repository" in reasons(rejected)[0]
    assert reasons(rejected)[1] == f"not fetched: https://example.org/ann/voices has no commit {NOWHERE}"
    assert reasons(rejected)[2].startswith("not fetched: it has no audio in piano at commit ")


def test_a_network_that_refuses_is_a_rejection(voices, tmp_path, monkeypatch):
    serve_from(monkeypatch, tmp_path / "gitconfig", "http://127.0.0.1:9/")
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
    assert not sources
    assert reasons(rejected)[0].startswith("not fetched: unable to access 'http://127.0.0.1:9/ann/voices/'")
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize("before", [False, True], ids=["at first", "when its audio was fetched before"])
def test_a_licence_that_was_changed_or_is_missing_stops_the_repository(voices, tmp_path, before):
    if before:
        assert find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])[0]
    changed = entry("ann/voices", voices, PIANO, licence_sha256="0" * 64)
    missing = entry("ann/voices", voices, PIANO, licence_file="COPYING")
    for one, sentence in ((changed, "LICENSE is not the one that was read"), (missing, "has no licence file COPYING")):
        sources, rejected = find_repositories(tmp_path / "raw", [one])
        assert not sources
        assert sentence in reasons(rejected)[0]


def test_a_folder_that_is_missing_is_said_every_time(voices, tmp_path):
    for _ in range(2):
        one = entry("ann/voices", voices, {"folder": "organ", "category": "music"}, PIANO)
        sources, rejected = find_repositories(tmp_path / "raw", [one])
        assert len(sources) == 1
        assert [Path(item.path).name for item in rejected] == ["organ"]
        assert reasons(rejected) == [f"ann/voices has no audio there at commit {voices[:10]}"]


def test_links_are_left_out_and_pointers_are_rejected_on_reading(server, tmp_path):
    folder = server / "ann/links"
    make_repository(folder, "piano/a.wav")
    (folder / "piano/link.wav").symlink_to("/etc/passwd")
    (folder / "piano/big.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    (folder / ".gitattributes").write_text("*.wav filter=lfs -text\n")
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/links", commit(folder), PIANO)])
    assert [source.path.name for source in sources] == ["a.wav", "big.wav"]
    assert not rejected
    pointer = examine(sources[1])
    assert isinstance(pointer, Rejected)
    assert pointer.reason.startswith("unreadable")


def test_names_that_mean_something_to_git_or_are_not_ascii(server, tmp_path):
    names = ["piano/a [1] #*.wav", "piano/!b.wav", "piano/é.wav"]
    one = entry("ann/names", make_repository(server / "ann/names", *names), PIANO)
    assert {f"piano/{source.path.name}" for source in find_repositories(tmp_path / "raw", [one])[0]} == set(names)


@pytest.mark.parametrize("place", ["ann+voices", "ann/voices", "voices", "voices/repo", "ann+voices/repo"])
@pytest.mark.parametrize("bare", [True, False])
def test_clones_are_read_without_network_and_stay_as_they_are(voices, server, tmp_path, monkeypatch, place, bare):
    clone = tmp_path / "clones" / place
    git(tmp_path, "clone", "--quiet", *(["--bare"] if bare else []), str(server / "ann/voices"), str(clone))
    serve_from(monkeypatch, tmp_path / "gitconfig", "http://127.0.0.1:9/")
    before = {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    sources, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", voices, WORDS)], tmp_path / "clones")
    assert [group for _, _, group in found(sources)] == ["ann/voices/a", "ann/voices/b"]
    assert not rejected
    assert {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()} == before


def test_clones_that_lack_something_say_so_and_nobody_else_is_asked(voices, server, tmp_path):
    git(tmp_path, "clone", "--quiet", str(server / "ann/voices"), str(tmp_path / "clones/ann+voices"))
    blob = git(server / "ann/voices", "rev-parse", "HEAD:words/b/1.flac")
    (tmp_path / "clones/ann+voices/.git/objects" / blob[:2] / blob[2:]).unlink()
    wanted = [entry("ann/voices", voices, WORDS), entry("bob/none", voices, PIANO)]
    for _ in range(2):
        sources, rejected = find_repositories(tmp_path / "raw", wanted, tmp_path / "clones")
        assert found(sources) == [("1.wav", "speech", "ann/voices/a")]
        assert {Path(item.path).name for item in rejected} == {"1.flac", "bob+none"}
        assert any(reason.startswith("the clone lacks it") for reason in reasons(rejected))
        assert f"not fetched: {tmp_path / 'clones'} holds no clone of bob/none (ingest.clones)" in reasons(rejected)
    _, rejected = find_repositories(tmp_path / "raw", [entry("ann/voices", NOWHERE, WORDS)], tmp_path / "clones")
    assert reasons(rejected) == [f"not fetched: the clone of ann/voices in {tmp_path / 'clones'} has no commit {NOWHERE}"]


def test_a_machine_without_git_or_a_folder_of_clones_that_is_none_is_told_so(voices, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"ingest.clones=nowhere is not a folder"):
        find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)], "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="needs git, which this machine lacks"):
        find_repositories(tmp_path / "raw", [entry("ann/voices", voices, PIANO)])
