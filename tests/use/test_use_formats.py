"""Formats, and the tags that go with the sound from any of them to any other."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen import id3

from corpus_files import write_empty
from saga_kedro.audio.resample import resample
from saga_kedro.use.one_file import UNFINISHED, _alone, super_resolve_file
from saga_kedro.use.places import Job, find_jobs
from saga_kedro.use.settings import Settings
from saga_kedro.use.spool import Spool, decode
from saga_kedro.use.tags import Tags, picture, read_tags, write_tags
from sounds import full_band, muffled

TEXTS = {"title": ["Träumerei"], "artist": ["Clara", "Robert"], "album": ["Kinderszenen"], "date": ["1838"]}
TEXTS |= {"genre": ["Piano"], "tracknumber": ["7"], "comment": ["found on a cassette"], "mood": ["calm"]}
TAGS = Tags(TEXTS, [picture(b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png", 3, "cover")])


def tagged(folder: Path, form: str) -> Path:
    path = folder / f"in.{form}"
    soundfile.write(path, muffled(0.3).T, 44_100)
    if form in ("wav", "flac", "ogg"):
        write_tags(path, form, TAGS)
    else:
        tags = id3.ID3()
        for name, text in {"TIT2": "Träumerei", "TPE1": ["Clara", "Robert"], "TALB": "Kinderszenen"}.items():
            tags.add(getattr(id3, name)(encoding=3, text=text))
        tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="cover", data=TAGS.pictures[0].data))
        tags.save(path)
    return path


@pytest.mark.parametrize("source", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("target", ["wav", "flac", "ogg"])
def test_tags_and_pictures_are_kept(model, tmp_path, source, target):
    path = tagged(tmp_path, source)
    before = read_tags(path)
    assert before.texts["artist"] == ["Clara", "Robert"]
    job = Job(path, tmp_path / "out" / f"in.{target}")
    assert super_resolve_file(model, job, Settings(form=target, cutoff_hz=4_000.0)).status == "super-resolved"
    after = read_tags(job.target)
    assert {name: after.texts.get(name) for name in before.texts} == before.texts
    assert after.pictures == before.pictures == TAGS.pictures
    assert soundfile.info(job.target).frames == 13_230


def test_the_info_chunk_of_a_wav_is_kept_where_other_programs_look_for_it(model, tmp_path):
    with soundfile.SoundFile(tmp_path / "in.wav", "w", 44_100, 1) as file:
        file.title, file.artist = "A title", "Somebody"
        file.write(muffled(0.3, 1)[0])
    super_resolve_file(model, Job(tmp_path / "in.wav", tmp_path / "out.wav"), Settings(cutoff_hz=4_000.0))
    with soundfile.SoundFile(tmp_path / "out.wav") as file:
        assert (file.title, file.artist) == ("A title", "Somebody")


def test_broken_tags_do_not_cost_the_sound(model, tmp_path):
    path = tagged(tmp_path, "mp3")
    data = path.read_bytes()
    path.write_bytes(data[:30] + b"\xff" * 60 + data[90:])
    assert super_resolve_file(model, Job(path, tmp_path / "out.flac"), Settings(cutoff_hz=4_000.0)).status == "super-resolved"


@pytest.mark.parametrize(
    ("source", "subtype", "target", "stored"),
    [
        ("wav", "PCM_16", "wav", "PCM_24"),
        ("wav", "FLOAT", "wav", "FLOAT"),
        ("wav", "DOUBLE", "flac", "PCM_24"),
        ("flac", "PCM_24", "flac", "PCM_24"),
        ("wav", "PCM_U8", "ogg", "VORBIS"),
    ],
)
def test_how_samples_are_stored(model, tmp_path, source, subtype, target, stored):
    path = tmp_path / f"in.{source}"
    soundfile.write(path, muffled(0.3).T, 44_100, subtype)
    job = Job(path, tmp_path / f"out.{target}")
    super_resolve_file(model, job, Settings(form=target, cutoff_hz=4_000.0))
    assert soundfile.info(job.target).subtype == stored


def test_results_keep_the_inputs_format_where_they_can_and_are_flac_where_not(tmp_path):
    write_empty(tmp_path / "in", "a.WAV", "b.flac", "c.opus", "d.mp3", "e.aiff", "notes.txt", ".hidden.wav", "sub/a.wav")
    jobs = find_jobs([tmp_path / "in"], tmp_path / "out", None, overwrite=False)
    made = sorted(job.target.relative_to(tmp_path / "out").as_posix() for job in jobs)
    assert made == ["a.wav", "b.flac", "c.ogg", "d.flac", "e.flac", "sub/a.wav"]
    assert not [job.problem for job in jobs if job.problem]
    assert {job.target.suffix for job in find_jobs([tmp_path / "in"], tmp_path / "out", "ogg", False)} == {".ogg"}


def test_only_suffixes_of_audio_are_replaced_and_names_that_would_collide_keep_theirs(tmp_path):
    write_empty(tmp_path / "in", "take.1.wav", "song.mp3", "song.aiff", "song.wav")
    write_empty(tmp_path, "take.1", "take.2")
    jobs = find_jobs([tmp_path / "in", tmp_path / "take.1", tmp_path / "take.2"], tmp_path / "out", None, False)
    assert not [job.problem for job in jobs if job.problem and "take.1" not in job.problem]
    made = {job.source.name: job.target.name for job in jobs}
    assert made == {
        "song.aiff": "song.aiff.flac", "song.mp3": "song.mp3.flac", "song.wav": "song.wav", "take.1.wav": "take.1.wav",
        "take.1": "take.1.flac", "take.2": "take.2.flac",
    }  # fmt: skip


def test_a_name_that_is_too_long_or_a_link_that_loops_stops_no_other_file(tmp_path, model):
    long = "n" * 251 + ".wav"
    for name in (long, "ok.wav"):
        soundfile.write(tmp_path / name, muffled(0.3).T, 44_100)
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    jobs = find_jobs([tmp_path], tmp_path / "out", "flac", False)
    done = {job.source.name: super_resolve_file(model, job, Settings(form="flac", cutoff_hz=4_000.0)) for job in jobs}
    assert done["ok.wav"].status == done[long].status == "super-resolved"
    assert len(Path(done[long].output).name) <= 240
    assert "loop.wav: there is no such file" in done["loop.wav"].why


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path, model):
    out = tmp_path / "out"
    (out / f"{UNFINISHED}killed").mkdir(parents=True)
    (out / f"{UNFINISHED}held").mkdir()
    soundfile.write(tmp_path / "in.wav", muffled(0.3).T, 44_100)
    with _alone(out / f"{UNFINISHED}held"):
        super_resolve_file(model, Job(tmp_path / "in.wav", out / "in.flac"), Settings(cutoff_hz=4_000.0))
    assert sorted(path.name for path in out.iterdir()) == [f"{UNFINISHED}held", "in.flac"]


@pytest.mark.parametrize(("level", "note", "over"), [("lower", [], True), ("limit", ["its peaks limited"], False)])
def test_floats_over_full_scale_keep_their_level_in_a_float_wav_unless_limited(tmp_path, model, level, note, over):
    soundfile.write(tmp_path / "in.wav", 4 * muffled(0.3).T, 44_100, "FLOAT")
    done = super_resolve_file(model, Job(tmp_path / "in.wav", tmp_path / "out.wav"), Settings(cutoff_hz=4_000.0, level=level))
    assert [text.partition(" by ")[0] for text in done.notes] == note
    assert (np.abs(soundfile.read(tmp_path / "out.wav")[0]).max() > 1) == over


def test_a_file_that_libsndfile_does_not_read_fails_with_what_to_do(tmp_path, model):
    (tmp_path / "voice.m4a").write_bytes(bytes(1000))
    (job,) = find_jobs([tmp_path], tmp_path / "out", None, False)
    failed = super_resolve_file(model, job, Settings())
    assert failed.status == "failed"
    assert "convert it first, as with `ffmpeg -i voice.m4a voice.flac`" in failed.why


def test_results_inside_the_folder_of_inputs_are_not_taken_for_inputs(tmp_path):
    write_empty(tmp_path, "a.wav", "out/a.wav")
    assert [job.source.name for job in find_jobs([tmp_path], tmp_path / "out", None, True)] == ["a.wav"]


def test_two_inputs_do_not_share_a_result_and_no_input_is_replaced(tmp_path):
    write_empty(tmp_path, "one/a.wav", "two/a.wav")
    first, second = find_jobs([tmp_path / "one/a.wav", tmp_path / "two/a.wav"], tmp_path / "out", None, False)
    assert not first.problem
    assert f"{second.source} would be written to the same file as {first.source}; run them separately" in second.problem
    (own,) = find_jobs([tmp_path / "one/a.wav"], tmp_path / "one", None, True)
    assert "would replace the input" in own.problem


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_a_decoded_file_is_what_resampling_all_of_it_at_once_gives(tmp_path, rate, monkeypatch):
    monkeypatch.setattr("saga_kedro.use.spool.FRAMES_AT_ONCE", 5_000)
    audio = full_band(0.7, 2, rate)
    soundfile.write(tmp_path / "in.wav", audio.T, rate, "FLOAT")
    source = decode(tmp_path / "in.wav", tmp_path)
    assert source.spool.samples == round(audio.shape[1] * 44_100 / rate)
    at_once = resample(audio, rate, 44_100)
    ours = source.spool.read(0, source.spool.samples)
    shared = min(ours.shape[1], at_once.shape[1])
    np.testing.assert_allclose(ours[:, :shared], at_once[:, :shared], atol=2e-6)


def test_silent_stretches_are_found_across_the_parts_that_a_file_is_read_in(tmp_path, monkeypatch):
    monkeypatch.setattr("saga_kedro.use.spool.FRAMES_AT_ONCE", 700)
    audio = full_band(0.2)
    audio[:, 1_000:3_000] = 0
    audio[1, 5_000:5_500] = 0
    audio[1, 8_000:] = 0
    soundfile.write(tmp_path / "in.wav", audio.T, 44_100, "FLOAT")
    assert decode(tmp_path / "in.wav", tmp_path).silent == [[(1_000, 3_000)], [(1_000, 3_000)]]


def test_a_spool_gives_any_range_back(tmp_path):
    audio = full_band(0.1)
    spool = Spool(tmp_path / "raw", 2).write([audio[:, :100], audio[:, 100:]])
    assert np.array_equal(spool.read(50, 150), audio[:, 50:150])
    assert spool.read(4_400, 5_000).shape == (2, 10)
    assert spool.read(9_000, 9_100).shape == (2, 0)
    assert spool.peak == np.abs(audio).max()
