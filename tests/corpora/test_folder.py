"""Any tree of audio files: what is found, and what its paths say about it."""

from pathlib import Path

import pytest

from corpus_files import write_empty, write_tree
from saga_kedro.audio.files import audio_files
from saga_kedro.corpora.examine import examine
from saga_kedro.corpora.folder import find_folder, group_of
from saga_kedro.corpora.manifest import Rejected


def found(root, index=None):
    return {source.path.relative_to(root).as_posix(): (source.category, source.group) for source in find_folder(root, index)}


def test_audio_is_known_by_its_suffix_in_any_case(tmp_path):
    names = ["a.wav", "B.FLAC", "c/d.Ogg", "c/e.mp3", "f.aiff", "g.aif", "h.opus", "i.oga", "j.m4a"]
    write_empty(tmp_path, *names, "notes.txt", "cover.jpg", ".hidden.wav", ".trash/j.wav")
    assert [path.relative_to(tmp_path).as_posix() for path in audio_files(tmp_path)] == sorted(names)


def test_links_are_followed_once_each_and_loops_are_not(tmp_path):
    write_empty(tmp_path, "corpus/a.wav", "elsewhere/b.wav")
    for name, target in (
        ("c.wav", "../elsewhere/b.wav"),
        ("more", "../elsewhere"),
        ("again", "."),
        ("gone.wav", "nowhere.wav"),
    ):
        (tmp_path / "corpus" / name).symlink_to(target)
    found = [path.relative_to(tmp_path / "corpus").as_posix() for path in audio_files(tmp_path / "corpus")]
    assert found == ["a.wav", "c.wav", "gone.wav", "more/b.wav"]
    assert audio_files(tmp_path / "corpus", follow_links=False) == [tmp_path / "corpus/a.wav"]


def test_a_corpus_says_why_it_cannot_use_a_file(tmp_path):
    (tmp_path / "a.m4a").write_bytes(bytes(1000))
    (tmp_path / "gone.wav").symlink_to("nowhere.wav")
    found = [examine(source) for source in find_folder(tmp_path)]
    reasons = [one.reason for one in found if isinstance(one, Rejected)]
    assert "libsndfile does not read .m4a files: convert it first, as with `ffmpeg -i a.m4a a.flac`" in reasons[0]
    assert "No such file" in reasons[1]


def test_category_and_group_come_from_sub_folders(tmp_path):
    paths = ("Speech/anna/1.wav", "data/music/band/album/2.wav", "SFX/rain_01.wav", "SFX/rain_02.wav", "else/3.wav", "4.wav")
    assert found(write_tree(tmp_path, *paths)) == {
        "Speech/anna/1.wav": ("speech", "Speech/anna"),
        "data/music/band/album/2.wav": ("music", "data/music/band/album"),
        "SFX/rain_01.wav": ("effects", "SFX/rain"),
        "SFX/rain_02.wav": ("effects", "SFX/rain"),
        "else/3.wav": ("other", "else"),
        "4.wav": ("other", "4"),
    }


@pytest.mark.parametrize(
    ("path", "category", "group"),
    [
        ("speech/p225_001.wav", "speech", "speech/p225"),
        ("speech/p225-001.wav", "speech", "speech/p225"),
        ("music/song 12.wav", "music", "music/song"),
        ("music/12.wav", "music", "music/12"),
        ("effects/kick_01.wav", "effects", "effects/kick"),
        ("kits/808/kick_01.wav", "other", "kits/808"),
        ("speech/pkg__de__alpha__a.ogg", "speech", "speech/pkg/de/alpha"),  # a flattened tree
        ("effects/kit__kick-1.ogg", "effects", "effects/kit"),
    ],
)
def test_a_lone_name_says_who_or_what_it_is(path, category, group):
    assert group_of(Path(path), category) == group


def test_an_index_says_which_files_there_are_and_what_they_are(tmp_path):
    write_tree(tmp_path, "a/1.wav", "a/2.wav", "b/3.wav")
    (tmp_path / "index.csv").write_text(
        "path,category,group,licence,official_split\nb/3.wav,Voice,carl,CC0,test\na/1.wav,music,,,\na/gone.wav,music,,,\n"
    )
    sources = find_folder(tmp_path, "index.csv")
    assert [source.path.name for source in sources] == ["1.wav", "gone.wav", "3.wav"]
    assert (sources[0].category, sources[0].group, sources[0].licence) == ("music", "a", "")
    carl = sources[2]
    assert (carl.category, carl.group, carl.licence, carl.official_split) == ("speech", "carl", "CC0", "test")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("path\na.wav\n", "lacks the column category"),
        ("path,category\na.wav,noise\n", "gives a.wav the category 'noise'"),
        ("path,category,official_split\na.wav,music,dev\n", "gives a.wav the official_split 'dev'"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path, text, sentence):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        find_folder(tmp_path, "index.csv")


def test_a_missing_folder_or_index_is_said(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        find_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="There is no index"):
        find_folder(tmp_path, "index.csv")
