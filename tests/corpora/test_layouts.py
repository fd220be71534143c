"""Published corpora, as their publishers lay them out: which files count, whose they are, which are the test set."""

import json

import pytest

from corpus_files import write_empty as tree
from saga_kedro.corpora.layouts import LAYOUTS, find_collection


def listed(root, sources):
    return {source.path.relative_to(root).as_posix(): (source.group, source.official_split) for source in sources}


STEMS = ("mixture", "drums", "bass", "other", "vocals")
MUSDB = [f"{split}/{song}/{stem}.wav" for split, song in (("train", "A - One"), ("test", "A - Two")) for stem in STEMS]
MEDLEY = [
    f"{version}/{song}/{song}{rest}"
    for version, song in (("V1", "Anna_First"), ("V1", "Anna_Second"), ("V2", "Bob_Third"))
    for rest in ("_MIX.wav", f"_STEMS/{song}_STEM_01.wav", f"_RAW/{song}_RAW_01_01.wav")
]
VCTK = [
    f"wav48_silence_trimmed/{speaker}/{speaker}_{sentence}_{mic}.flac"
    for speaker in ("p225", "p360", "s5")
    for sentence in ("001", "002")
    for mic in ("mic1", "mic2")
]


def moises(root):
    stems = [{"stemName": name, "tracks": [{"id": f"of {name}", "extension": "wav"}]} for name in ("drums", "vocals")]
    for uuid, artist in (("u1", "Anna"), ("u2", "Anna"), ("u3", "Bob")):
        tree(root, f"moisesdb_v0.1/{uuid}/data.json")
        (root / f"moisesdb_v0.1/{uuid}/data.json").write_text(json.dumps({"song": "x", "artist": artist, "stems": stems}))
    return root


def fma(root):
    tree(root, "fma_small/000/000002.mp3", "fma_small/000/000005.mp3", "fma_small/113/113001.mp3", "fma_metadata/tracks.csv")
    (root / "fma_metadata/tracks.csv").write_text(
        ",album,artist,set,set,track,track\n,title,id,split,subset,license,title\ntrack_id,,,,,,\n"
        '2,"Food, and drink",1,training,small,CC BY-NC-SA,A\n5,B,1,validation,small,CC BY,B\n113001,C,7,test,small,CC0,C\n'
    )
    return root


def esc(root):
    files = ["1-100-A-0.wav", "1-100-B-0.wav", "4-200-A-3.wav", "5-300-A-14.wav"]
    tree(root, *(f"audio/{name}" for name in files), "meta/esc50.csv")
    rows = [f"{name},{name[0]},0,dog,{name[0] == '1'},{name.split('-')[1]},{name[6]}" for name in files]
    (root / "meta/esc50.csv").write_text("\n".join(["filename,fold,target,category,esc10,src_file,take", *rows]))
    return root


def test_musdb18_hq_is_its_mixes_with_the_official_test_songs(tmp_path):
    sources = LAYOUTS["musdb18_hq"](tree(tmp_path, *MUSDB))
    assert listed(tmp_path, sources) == {
        "test/A - Two/mixture.wav": ("musdb18_hq/A - Two", "test"),
        "train/A - One/mixture.wav": ("musdb18_hq/A - One", "train"),
    }
    assert {source.category for source in sources} == {"music"}


def test_medleydb_is_the_mixes_of_both_versions_by_artist(tmp_path):
    assert listed(tmp_path, LAYOUTS["medleydb"](tree(tmp_path, *MEDLEY))) == {
        "V1/Anna_First/Anna_First_MIX.wav": ("medleydb/Anna", ""),
        "V1/Anna_Second/Anna_Second_MIX.wav": ("medleydb/Anna", ""),
        "V2/Bob_Third/Bob_Third_MIX.wav": ("medleydb/Bob", ""),
    }


def test_moisesdb_has_no_mix_so_its_tracks_are_taken_by_artist(tmp_path):
    found = listed(tmp_path, LAYOUTS["moisesdb"](moises(tmp_path)))
    assert len(found) == 6
    assert found["moisesdb_v0.1/u2/drums/of drums.wav"] == ("moisesdb/Anna", "")
    assert found["moisesdb_v0.1/u3/vocals/of vocals.wav"] == ("moisesdb/Bob", "")


def test_libritts_is_by_speaker_and_its_test_subsets_are_the_test_split(tmp_path):
    names = ("train-clean-100/84/121/84_121_000_000.wav", "dev-clean/90/1/90_1_0_0.wav", "test-other/61/7/61_7_0_0.wav")
    tree(tmp_path / "LibriTTS", *names)
    expected = {f"LibriTTS/{name}": (f"openslr/{name.split('/')[1]}", "test" if "test" in name else "train") for name in names}
    assert listed(tmp_path, LAYOUTS["openslr"](tmp_path)) == expected
    below = LAYOUTS["openslr"](tmp_path / "LibriTTS" / "test-other")
    assert [(source.group, source.official_split) for source in below] == [("openslr/61", "test")]


def test_flat_openslr_corpora_are_by_speaker(tmp_path):
    names = ("es_pe_female/pef_00610_00017485.wav", "es_pe_female/pef_00610_00099.wav", "afr/wavs/afr_0184_012.wav")
    tree(tmp_path, *names, "x/me/1.wav")
    licences = {source.group.removeprefix("openslr/"): source.licence for source in LAYOUTS["openslr"](tmp_path)}
    assert licences == {"pef_00610": "CC-BY-SA-4.0", "afr_0184": "CC-BY-SA-4.0", "x/me": "see openslr.org"}


def test_vctk_is_the_first_microphone_and_eight_speakers_are_the_test_split(tmp_path):
    found = listed(tmp_path, LAYOUTS["vctk"](tree(tmp_path / "VCTK-Corpus-0.92", *VCTK).parent))
    assert len(found) == 6
    assert not [path for path in found if "mic2" in path]
    assert set(found.values()) == {("vctk/p225", "train"), ("vctk/p360", "test"), ("vctk/s5", "test")}


def test_fma_small_has_artist_split_and_licence_from_its_metadata(tmp_path):
    sources = LAYOUTS["fma_small"](fma(tmp_path))
    assert [(source.group, source.official_split, source.licence) for source in sources] == [
        ("fma/1", "train", "CC BY-NC-SA"), ("fma/1", "train", "CC BY"), ("fma/7", "test", "CC0"),
    ]  # fmt: skip
    assert LAYOUTS["fma_small"](tmp_path / "fma_small") == sources


def test_esc50_is_by_recording_and_fold_5_is_the_test_split(tmp_path):
    sources = LAYOUTS["esc50"](esc(tmp_path / "ESC-50-master").parent)
    assert [(source.group, source.official_split, source.licence) for source in sources] == [
        ("esc50/100", "train", "CC-BY-3.0"), ("esc50/100", "train", "CC-BY-3.0"),
        ("esc50/200", "train", "CC-BY-NC-3.0"), ("esc50/300", "test", "CC-BY-NC-3.0"),
    ]  # fmt: skip
    assert {source.category for source in sources} == {"effects"}


def test_freesound_is_by_recordist_however_that_is_said(tmp_path):
    tree(tmp_path, "FSD50K.dev_audio/1.wav", "FSD50K.eval_audio/2.wav", "laion/train/3.flac", "laion/train/4.flac")
    tree(tmp_path, "5__eve__rain__a.wav", "6.wav")
    for part, number, who in (("dev", "1", "anna"), ("eval", "2", "bob")):
        tree(tmp_path, f"FSD50K.metadata/{part}_clips_info_FSD50K.json")
        index = {number: {"uploader": who, "license": "CC0"}}
        (tmp_path / f"FSD50K.metadata/{part}_clips_info_FSD50K.json").write_text(json.dumps(index))
    carl, dora = {"original_data": {"username": "carl", "license": "BY"}}, {"username": "dora", "original_data": "freesound"}
    (tmp_path / "laion/train/3.json").write_text(json.dumps({"text": ["a"]} | carl))
    (tmp_path / "laion/train/4.json").write_text(json.dumps(dora))
    sources = LAYOUTS["freesound"](tmp_path)
    assert listed(tmp_path, sources) == {
        "5__eve__rain__a.wav": ("freesound/eve", ""),
        "6.wav": ("freesound/unknown/6", ""),
        "FSD50K.dev_audio/1.wav": ("freesound/anna", "train"),
        "FSD50K.eval_audio/2.wav": ("freesound/bob", "test"),
        "laion/train/3.flac": ("freesound/carl", ""),
        "laion/train/4.flac": ("freesound/dora", ""),
    }
    assert [source.licence for source in sources] == ["", "", "CC0", "CC0", "BY", ""]


@pytest.mark.parametrize(
    ("name", "audio", "lacks"),
    [
        ("fma_small", "fma_small/000/000002.mp3", "fma_metadata/tracks.csv"),
        ("freesound", "FSD50K.dev_audio/1.wav", "FSD50K.metadata/dev_clips_info_FSD50K.json"),
    ],
)
def test_a_corpus_without_its_metadata_is_refused(tmp_path, name, audio, lacks):
    with pytest.raises(ValueError, match=f"lacks {lacks}"):
        LAYOUTS[name](tree(tmp_path, audio))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_laid_out_otherwise_is_refused(tmp_path, name):
    (tmp_path / "something").mkdir()
    with pytest.raises(ValueError, match=r"\(ingest.path\)"):
        LAYOUTS[name](tmp_path)


def test_a_collection_is_all_its_corpora_and_knows_them_all(tmp_path):
    with pytest.raises(ValueError, match="holds no corpora"):
        find_collection(tmp_path)
    esc(tmp_path / "esc50" / "ESC-50-master")
    tree(tmp_path / "vctk", *VCTK)
    moises(tmp_path / "moisesdb")
    assert len(find_collection(tmp_path)) == 4 + 6 + 6
    tree(tmp_path, "musdb18/train/a/mixture.wav")
    with pytest.raises(ValueError, match="did you mean musdb18_hq"):
        find_collection(tmp_path)
