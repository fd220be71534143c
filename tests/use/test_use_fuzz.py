"""Odd and broken files, 250 of them: each is done or fails with a sentence; nothing crashes, nothing half-done stays."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from saga_kedro.audio.io import audio_info
from saga_kedro.draws import rng
from saga_kedro.use.one_file import super_resolve_file
from saga_kedro.use.places import find_jobs
from saga_kedro.use.settings import Settings
from sounds import full_band, muffled

FORMATS = [
    ("wav", "WAV", "PCM_16", 44_100),
    ("wav", "WAV", "PCM_U8", 22_050),
    ("wav", "WAV", "FLOAT", 48_000),
    ("wav", "WAV", "DOUBLE", 16_000),
    ("wav", "WAV", "ULAW", 8_000),
    ("wav", "WAV", "IMA_ADPCM", 44_100),
    ("wav", "WAVEX", "PCM_24", 44_100),
    ("w64", "W64", "PCM_16", 44_100),
    ("flac", "FLAC", "PCM_16", 44_100),
    ("ogg", "OGG", "VORBIS", 32_000),
    ("opus", "OGG", "OPUS", 48_000),
    ("mp3", "MP3", "MPEG_LAYER_III", 44_100),
    ("aiff", "AIFF", "PCM_24", 44_100),
    ("au", "AU", "PCM_16", 11_025),
    ("caf", "CAF", "PCM_16", 44_100),
]


def encoded(audio: np.ndarray, rate: int, container: str, subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio.T, rate, subtype, format=container)
    return file.getvalue()


def flip(data: bytes, random: np.random.Generator, end: int, count: int) -> bytes:
    mutated = bytearray(data)
    for at in random.integers(0, end, count):
        mutated[at] = random.integers(0, 256)
    return bytes(mutated)


def zero(data: bytes, start: int) -> bytes:
    return data[:start] + bytes(min(len(data) - start, 4_000)) + data[start + 4_000 :]


def cut(data: bytes, start: int) -> bytes:
    return data[:start] + data[start + 333 :]


MUTATIONS: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "cut_short": lambda data, random: data[: random.integers(1, len(data))],
    "cut_header": lambda data, random: data[: random.integers(0, 64)],
    "flipped_header": lambda data, random: flip(data, random, min(len(data), 100), 6),
    "flipped": lambda data, random: flip(data, random, len(data), max(8, len(data) // 500)),
    "zeroed": lambda data, random: zero(data, int(random.integers(0, len(data)))),
    "with_a_hole": lambda data, random: cut(data, int(random.integers(20, len(data)))),
    "with_garbage": lambda data, random: data + random.bytes(777),
    "doubled": lambda data, random: data + data,
}


def broken_files(folder: Path) -> None:
    sounds = [muffled(0.3, 2, 44_100), full_band(0.2, 1, 44_100)]
    for number, (suffix, container, subtype, rate) in enumerate(FORMATS):
        for kind, sound in enumerate(sounds[number % 2 :]):
            data = encoded(sound[:, : int(0.3 * rate)], rate, container, subtype)
            (folder / f"{number:02d}-{kind}-whole.{suffix}").write_bytes(data)
            for mutation, mutate in MUTATIONS.items():
                name = f"{number:02d}-{kind}-{mutation}.{suffix}"
                (folder / name).write_bytes(mutate(data, rng(1, name)))


def odd_files(folder: Path) -> None:
    def write(name: str, audio: np.ndarray, rate: int = 44_100, subtype: str = "FLOAT") -> None:
        soundfile.write(folder / f"{name}.wav", np.asarray(audio).T, rate, subtype)

    seconds = np.arange(4_410) / 44_100
    write("no-samples", np.zeros((2, 0)))
    for samples in (1, 2, 100, 1_023, 2_047, 2_049):
        write(f"{samples}-samples", muffled(0.3)[:, :samples])
        write(f"{samples}-samples-at-96k", muffled(0.3, 1)[:, :samples], 96_000)
    write("nan", np.full((1, 500), np.nan))
    write("one-infinity", np.where(np.arange(3_000) == 7, np.inf, 0.1)[None])
    write("huge", 1e30 * muffled(0.2))
    write("tiny", 1e-30 * muffled(0.2))
    write("over-full-scale", 30 * muffled(0.2))
    write("constant", np.full((2, 9_000), 0.5))
    write("constant-full-scale", np.full((1, 9_000), -1.0))
    write("square", np.sign(np.sin(2 * np.pi * 440 * seconds))[None], subtype="PCM_16")
    write("square-1-hz", np.repeat([[1.0, -1.0]], 5_000, axis=1), subtype="PCM_16")
    write("alternating", np.tile([[1.0, -1.0]], (1, 4_000)))
    write("hum", 0.5 * np.sin(2 * np.pi * 50 * seconds)[None])
    write("one-impulse", (np.arange(9_000) == 4_000).astype(float)[None])
    write("silence", np.zeros((2, 9_000)))
    write("left-only", muffled(0.3) * [[1], [0]])
    write("opposite", muffled(0.3)[:1] * [[1], [-1]])
    write("mostly-silent", np.pad(muffled(0.1), ((0, 0), (20_000, 20_000))))
    write("8-bit", muffled(0.3, 1, 8_000, 3_000), 8_000, "PCM_U8")
    write("float64", muffled(0.3), 44_100, "DOUBLE")
    write("192k", muffled(0.2, 2, 192_000), 192_000, "PCM_24")
    write("88.2k", muffled(0.2, 1, 88_200), 88_200)
    write("3-channels", muffled(0.3, 3))
    write("5.1", muffled(0.3, 6, 48_000), 48_000, "PCM_16")
    write("64-channels", muffled(0.05, 64))
    write("100-hz", muffled(0.3), 100)
    write("1000-hz", muffled(0.3), 1_000)
    write("12345-hz", muffled(0.3, 2, 12_345), 12_345)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no audio")
    (folder / "noise.mp3").write_bytes(rng(0, "bytes").bytes(20_000))
    (folder / "noise.ogg").write_bytes(b"OggS" + rng(1, "bytes").bytes(20_000))
    (folder / "noise.flac").write_bytes(b"fLaC" + rng(2, "bytes").bytes(20_000))
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "folder.wav").mkdir()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("make", [broken_files, odd_files])
def test_every_file_is_done_or_fails_with_a_sentence(make, model, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    make(folder)
    named = [path for path in sorted(folder.iterdir()) if not path.is_dir()]
    outcomes = [super_resolve_file(model, job, Settings()) for job in find_jobs(named, out, None, overwrite=False)]
    assert len(outcomes) == len(named)
    written = set()
    for outcome in outcomes:
        if outcome.status == "failed":
            assert outcome.output == ""
            assert len(outcome.why) > 20
            assert Path(outcome.input).name in outcome.why
            continue
        result, given = audio_info(outcome.output), audio_info(outcome.input)
        written.add(Path(outcome.output))
        if outcome.status == "left as it is" and given.rate >= 44_100:
            assert Path(outcome.output).read_bytes() == Path(outcome.input).read_bytes()
            continue
        assert result.rate == max(given.rate, 44_100 if given.rate % 8_000 else 48_000)
        assert result.channels == min(given.channels, 2)
        assert abs(result.samples - outcome.duration_s * result.rate) < 0.001 * result.rate + 1
        assert np.isfinite(soundfile.read(outcome.output)[0]).all()
    assert {path for path in out.rglob("*") if path.is_file()} == written
    assert not [path for path in out.rglob("*") if path.is_dir()]
    done = {Path(outcome.input).name for outcome in outcomes if outcome.status != "failed"}
    sound = [name for name in done if "whole" in name or make is odd_files]
    assert len(sound) == 23 if make is broken_files else len(sound) >= 33
