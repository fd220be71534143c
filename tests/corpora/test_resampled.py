"""Every row of a manifest becomes a FLAC file at 44.1 kHz; finished ones stay, stale ones go."""

import numpy as np
import pytest

from corpus_files import noise, write_noise
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import audio_info, read_audio
from saga_kedro.audio.resample import resample as to_rate
from saga_kedro.corpora import resampled
from saga_kedro.corpora.examine import examine_all
from saga_kedro.corpora.manifest import Source, manifest_frame
from saga_kedro.corpora.resampled import resample
from saga_kedro.corpora.splits import assign_splits


def manifest_of(*paths):
    clips, _ = examine_all([Source(path, "music", path.stem) for path in paths], workers=1)
    return manifest_frame(clips)


def test_rate_and_channels_are_what_they_should_be(tmp_path):
    kinds = {"a": (8_000, 1), "b": (48_000, 2), "c": (SAMPLE_RATE, 2), "d": (22_050, 4)}
    manifest = manifest_of(*(write_noise(tmp_path / f"{k}.wav", rate=r, channels=c) for k, (r, c) in kinds.items()))
    clips, rejected = resample(manifest, "out", workers=1)
    infos = {row["path"][0]: audio_info(row["flac"]) for row in clips.to_dict("records")}
    assert {info.rate for info in infos.values()} == {SAMPLE_RATE}
    assert {info.format for info in infos.values()} == {"FLAC"}
    assert {name: info.channels for name, info in infos.items()} == {"a": 1, "b": 2, "c": 2, "d": 2}
    assert list(clips["samples"]) == [infos[name].samples for name in "abcd"]
    assert list(clips["samples"]) == pytest.approx([SAMPLE_RATE / 2] * 4, abs=1)
    assert rejected.empty


def test_the_sound_is_the_sources_and_a_row_that_is_a_range_is_cut(tmp_path):
    manifest = assign_splits(manifest_of(write_noise(tmp_path / "a.wav", seconds=4.0)), 0, validation=0.25, test=0.25)
    clips, _ = resample(manifest, "out", workers=1)
    assert list(clips["samples"]) == pytest.approx([2 * SAMPLE_RATE, SAMPLE_RATE, SAMPLE_RATE], abs=1)
    last, _ = read_audio(clips["flac"][2])
    assert np.abs(last - to_rate(noise(4.0)[:, 24_000:], 8_000, SAMPLE_RATE)).max() < 2**-14


def test_finished_files_are_not_made_again_and_stale_ones_are_removed(tmp_path):
    first = manifest_of(*(write_noise(tmp_path / f"{seed}.wav", seed) for seed in range(3)))
    clips, _ = resample(first, "out", workers=1)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    second = manifest_of(tmp_path / "0.wav", tmp_path / "2.wav", write_noise(tmp_path / "3.wav", 3))
    again, _ = resample(second, "out", workers=1)
    now = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    kept = times.keys() & now.keys()
    assert len(now) == 3
    assert {path.name for path in kept} == {clips["flac"][number].split("/")[-1] for number in (0, 2)}
    assert all(times[path] == now[path] for path in kept)
    assert list(again["flac"][:2]) == [clips["flac"][0], clips["flac"][2]]


def test_another_range_or_other_code_is_another_file(tmp_path, monkeypatch):
    manifest = manifest_of(write_noise(tmp_path / "a.wav", seconds=2.0))
    whole, _ = resample(manifest, "out", workers=1)
    half, _ = resample(manifest.assign(end_s=1.0), "out", workers=1)
    assert whole["flac"][0] != half["flac"][0]
    assert half["samples"][0] == pytest.approx(SAMPLE_RATE, abs=1)
    monkeypatch.setattr(resampled, "code", lambda stage: "other")
    assert resample(manifest, "out", workers=1)[0]["flac"][0] not in (whole["flac"][0], half["flac"][0])


def test_files_that_changed_or_went_are_rejected_and_the_rest_goes_on(tmp_path):
    manifest = manifest_of(*(write_noise(tmp_path / f"{seed}.wav", seed) for seed in range(3)))
    (tmp_path / "0.wav").unlink()
    write_noise(tmp_path / "1.wav", rate=16_000)
    clips, rejected = resample(manifest, "out", workers=1)
    assert list(clips["path"]) == ["2.wav"]
    assert "no such file" in rejected["reason"][0]
    assert "changed since it was ingested" in rejected["reason"][1]
