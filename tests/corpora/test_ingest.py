"""From the name of a source to a manifest."""

from typing import get_args

import pytest

from corpus_files import write_noise, write_tree
from git_repositories import entry, make_repository, serve_from
from saga_kedro.corpora import ingest as module
from saga_kedro.corpora.ingest import find_clips
from saga_kedro.corpora.layouts import LAYOUTS
from saga_kedro.corpora.manifest import Clip, Source, data_version, project_path
from saga_kedro.parameters import Ingest, ParameterError, validate
from scratch_project import base_parameters, merged

BASE = base_parameters()
SOURCES = get_args(Ingest.model_fields["source"].annotation)


def run(tmp_path, repositories=(), **changes):
    ingest = Ingest(**BASE["ingest"] | changes)
    return find_clips(ingest, repositories, 0, tmp_path / "raw", tmp_path / "findings")


@pytest.fixture
def corpus(tmp_path):
    """Six speakers with two sentences each, a broken file and a copy."""
    root = write_tree(tmp_path / "audio", *(f"speech/{name}/{take}.wav" for name in "abcdef" for take in (1, 2)))
    (root / "speech/a/broken.wav").write_text("no audio")
    (root / "speech/b/copy.wav").write_bytes((root / "speech/b/1.wav").read_bytes())
    return root


def test_a_folder_becomes_a_manifest_and_a_list_of_rejected_files(corpus, tmp_path):
    manifest, rejected, pairs, _ = run(tmp_path, source="folder", path="audio")
    assert list(manifest.columns) == list(Clip.model_fields)
    assert len(manifest) == 12
    assert set(manifest["split"]) == {"train", "validation", "test"}
    assert list(rejected["path"]) == ["audio/speech/a/broken.wav", "audio/speech/b/copy.wav"]
    assert rejected["reason"][1] == "duplicate of audio/speech/b/1.wav"
    assert pairs.empty


def test_pairs_are_listed_and_nothing_is_trained_on_them(tmp_path):
    write_tree(tmp_path / "p", *(f"s_{item}_{system}.wav" for item in (0, 1) for system in ("0_lr", "1_theirs", "2_hr")))
    manifest, rejected, pairs, _ = run(tmp_path, source="pairs", path=str(tmp_path / "p"))
    assert manifest.empty
    assert list(manifest.columns) == list(Clip.model_fields)
    assert len(pairs) == 6
    assert rejected.empty


def test_demo_makes_its_audio_in_the_raw_folder(tmp_path):
    manifest, rejected, *_ = run(tmp_path, source="demo", demo_minutes=0.4)
    assert len(manifest) == 24
    assert rejected.empty
    assert manifest["path"].str.startswith("raw/").all()
    assert set(manifest.groupby("category")["split"].nunique()) == {3}


@pytest.fixture
def voices(tmp_path, monkeypatch):
    """The section `repositories`, with one that can be had: six speakers; and debian, which has six others."""
    names = [f"words/{name}/{take}.wav" for name in "abcdef" for take in (1, 2)]
    audio = {"folder": "words", "category": "speech", "group": "^words/([^/]+)/"}
    revision = make_repository(tmp_path / "server/ann/voices", *names)
    serve_from(monkeypatch, tmp_path / "gitconfig", f"file://{tmp_path / 'server'}/")
    speakers = [Source(write_noise(tmp_path / f"deb/{n}.wav", 99 + n), "speech", f"pack/{n}") for n in range(6)]
    monkeypatch.setattr(module, "find_debian", lambda folder, packages: (speakers, [module.Rejected("deb/gone", "no network")]))
    return [entry("ann/voices", revision, audio), entry("bob/none", revision, audio)]


@pytest.mark.parametrize(
    ("source", "origins", "failed"),
    [
        ("debian", ["pack"] * 6, ["gone"]),
        ("git", ["ann"] * 12, ["bob+none"]),
        ("debian+git", ["pack"] * 6 + ["ann"] * 12, ["gone", "bob+none"]),
    ],
)
def test_packages_and_repositories_that_failed_are_among_the_rejected(voices, tmp_path, source, origins, failed):
    manifest, rejected, *_ = run(tmp_path, voices, source=source)
    assert [group.split("/")[0] for group in manifest["group"]] == origins
    assert [path.split("/")[-1] for path in rejected["path"]] == failed
    assert set(manifest["split"]) == {"train", "validation", "test"}


def test_a_repository_can_be_held_out(voices, tmp_path):
    held_out = {"validation": [], "test": ["ann/voices"]}
    manifest, *_ = run(tmp_path, voices, source="debian+git", held_out=held_out)
    assert set(manifest.loc[manifest["split"] == "test", "group"]) == {f"ann/voices/{name}" for name in "abcdef"}


def test_the_data_version_is_of_what_is_held_out_and_of_the_list_of_repositories(voices, tmp_path):
    def version(repositories=voices, **changes):
        return run(tmp_path, repositories, **{"source": "git"} | changes)[3]

    assert version() == version()
    assert version(held_out={"validation": [], "test": ["ann/voices"]}) != version()
    assert version(voices[:1]) != version()
    assert version(clones=str(tmp_path)) == version()


@pytest.mark.parametrize("source", ["vctk", "collection"])
def test_a_published_corpus_keeps_its_test_split(tmp_path, source):
    names = [
        f"vctk/wav48_silence_trimmed/{who}/{who}_{take}_mic1.flac" for who in ("p1", "p2", "p3", "p360") for take in (1, 2)
    ]
    root = write_tree(tmp_path / "all", *names)
    manifest, *_ = run(tmp_path, source=source, path=str(root / "vctk" if source == "vctk" else root))
    assert set(manifest.loc[manifest["split"] == "test", "group"]) == {"vctk/p360"}


def test_what_is_missing_is_said(corpus, tmp_path):
    with pytest.raises(FileNotFoundError, match="ingest.path=nowhere is not a folder"):
        run(tmp_path, source="folder", path="nowhere")
    with pytest.raises(ValueError, match="holds no pair that fits"):
        run(tmp_path, source="pairs", path="audio")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no usable audio"):
        run(tmp_path, source="folder", path="empty")
    (tmp_path / "empty/a.wav").touch()
    with pytest.raises(ValueError, match=r"The first of 1 rejected, empty/a.wav: empty: the file has no bytes"):
        run(tmp_path, source="folder", path="empty")


@pytest.mark.parametrize("source", sorted(set(SOURCES) - set(module.WITHOUT_PATH)))
def test_a_source_that_needs_a_path_says_so(source):
    with pytest.raises(ParameterError, match=f"ingest.source={source} needs ingest.path"):
        validate(merged(BASE, {"ingest": {"source": source}}))


def test_every_layout_is_a_source():
    assert set(SOURCES) == {*module.WITHOUT_PATH, "folder", "pairs", "collection", *LAYOUTS}


@pytest.mark.parametrize("packages", [[], ["--help"], "klettres-data"])
def test_packages_are_a_list_of_names(packages):
    with pytest.raises(ParameterError, match="ingest.packages"):
        validate(merged(BASE, {"ingest": {"packages": packages}}))


def test_the_data_version_is_of_the_content_not_of_the_place(corpus, tmp_path):
    here, *_ = run(tmp_path, source="folder", path="audio")
    corpus.rename(tmp_path / "elsewhere")
    there, *_ = run(tmp_path, source="folder", path="elsewhere")
    assert data_version(here, {"a": 1}) == data_version(there, {"a": 1})
    assert data_version(here, {"a": 1}) != data_version(here, {"a": 2})
    assert data_version(here, {"a": 1}) != data_version(here.iloc[1:], {"a": 1})
    assert project_path("/elsewhere/a.wav") == "/elsewhere/a.wav"  # outside the project
