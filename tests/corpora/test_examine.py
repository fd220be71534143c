"""Every file is listened to once; an unusable one is rejected with its reason, and the others are done."""

import numpy as np
import pytest
import soundfile

from corpus_files import noise, write_noise
from saga_kedro.corpora import examine as module
from saga_kedro.corpora.examine import examine, examine_all
from saga_kedro.corpora.manifest import Clip, Rejected, Source

RATE = 8_000


def with_value(value):
    audio = noise()
    audio[0, 100] = value
    return audio


BAD = {
    "no_bytes": (b"", "empty: the file has no bytes"),
    "text": (b"this is no audio at all " * 20, "unreadable: "),
    "truncated": (b"fLaC" + bytes(36), "unreadable: "),
    "no_samples": (np.zeros((1, 0), np.float32), "empty: no samples"),
    "short": (noise(0.1), "too short: 100 ms"),
    "not_a_number": (with_value(np.nan), "non-finite: "),
    "infinite": (with_value(np.inf), "non-finite: "),
    "silent": (np.zeros((1, RATE), np.float32), "silent: "),
    "nearly_silent": (noise() * 1e-4, "silent: "),
    "missing": (None, "unreadable: No such file"),
}


def write_bad(folder, name):
    path, content = folder / f"{name}.wav", BAD[name][0]
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        soundfile.write(path, content.T, RATE, subtype="FLOAT")
    return Source(path, "speech", "someone")


@pytest.fixture
def source(tmp_path):
    return Source(write_noise(tmp_path / "a.wav"), "speech", "someone", "CC0-1.0", "test")


def test_bad_files_are_rejected_with_their_reasons_and_do_not_stop_the_others(tmp_path, source):
    bad = [write_bad(tmp_path, name) for name in BAD]
    clips, rejected = examine_all([*bad[:4], source, *bad[4:]], workers=1)
    assert [found.path for found in clips] == ["a.wav"]
    assert [item.path for item in rejected] == [f"{name}.wav" for name in BAD]
    for item, (_, reason) in zip(rejected, BAD.values(), strict=True):
        assert item.reason.startswith(reason), item


def test_a_clip_says_what_its_file_holds(tmp_path, source):
    found = examine(source)
    assert isinstance(found, Clip)
    assert (found.path, found.category, found.group, found.licence) == ("a.wav", "speech", "someone", "CC0-1.0")
    assert (found.sample_rate, found.channels, found.duration_s, found.official_split) == (RATE, 1, 0.5, "test")
    assert (found.start_s, found.end_s, found.split) == (0.0, 0.5, "")
    assert found.clip_id == found.content_hash[:16]


def test_the_bandwidth_is_the_signals_not_the_files(tmp_path):
    time = np.arange(44_100) / 44_100
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in (500, 2_000, 6_000)) / 4
    soundfile.write(tmp_path / "dull.wav", tones, 44_100)
    found = examine(Source(tmp_path / "dull.wav", "music", "a"))
    assert isinstance(found, Clip)
    assert found.bandwidth_hz == pytest.approx(6_000, abs=350)


@pytest.mark.parametrize("name", ["a.wav", "a.WAV", "a.flac", "a.ogg", "a.oga", "a.mp3", "a.aiff", "a.aif", "a.opus"])
def test_every_format_can_be_read(tmp_path, name):
    path = write_noise(tmp_path / name, seconds=1.0, rate=48_000, channels=2)
    found = examine(Source(path, "music", "a"))
    assert isinstance(found, Clip)
    assert (found.sample_rate, found.channels) == (48_000, 2)
    assert found.duration_s == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_order_is_the_sources_and_copies_are_rejected_in_favour_of_the_first(tmp_path, workers):
    sources = [Source(write_noise(tmp_path / f"{name}.wav", int(seed)), "speech", name) for name, seed in ("c3", "b1", "a3")]
    clips, rejected = examine_all(sources, workers=workers)
    assert [found.path for found in clips] == ["c.wav", "b.wav"]
    assert rejected == [Rejected("a.wav", "duplicate of c.wav")]


@pytest.mark.parametrize("name", ["a", "silent"])
def test_what_was_found_is_remembered_by_content_until_the_code_changes(tmp_path, source, name, monkeypatch):
    source = source if name == "a" else write_bad(tmp_path, name)
    found = examine(source, tmp_path / "findings")
    moved = Source(source.path.rename(tmp_path / "moved.wav"), "speech", "someone", "CC0-1.0", "test")
    monkeypatch.setattr(module, "read_audio", lambda *_: pytest.fail("decoded again"))
    again = examine(moved, tmp_path / "findings")
    assert again.path == "moved.wav"
    assert getattr(again, "reason", None) == getattr(found, "reason", None)
    assert getattr(again, "bandwidth_hz", None) == getattr(found, "bandwidth_hz", None)
    monkeypatch.setattr(module, "code", lambda stage: "other")
    with pytest.raises(pytest.fail.Exception, match="decoded again"):
        examine(moved, tmp_path / "findings")
