"""Audio files: what is written comes back; what cannot be read gives one sentence."""

import numpy as np
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import AudioInfo, UnreadableAudio, audio_info, read_audio, write_audio
from saga_kedro.audio.resample import resample, to_stereo


@pytest.fixture
def noise():
    return (0.3 * np.random.default_rng(0).standard_normal((2, 5_000))).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize(("suffix", "error"), [(".wav", 0.0), (".flac", 2**-14)])
def test_written_audio_comes_back_and_the_same_samples_give_the_same_bytes(tmp_path, noise, suffix, error, monkeypatch):
    path = tmp_path / f"clip{suffix}"
    write_audio(path, noise, SAMPLE_RATE)
    audio, rate = read_audio(path)
    assert rate == SAMPLE_RATE
    assert audio.dtype == np.float32
    assert audio.shape == noise.shape
    assert np.abs(audio - noise).max() <= error
    info = audio_info(path)
    assert info == AudioInfo(SAMPLE_RATE, 2, 5_000, info.format)
    assert info.duration_s == pytest.approx(5_000 / SAMPLE_RATE)
    monkeypatch.setattr("time.time", lambda: 0.0)
    write_audio(tmp_path / f"again{suffix}", noise, SAMPLE_RATE)
    assert path.read_bytes() == (tmp_path / f"again{suffix}").read_bytes()


def test_a_range_is_read(tmp_path, noise):
    path = tmp_path / "clip.wav"
    write_audio(path, noise, SAMPLE_RATE)
    assert np.array_equal(read_audio(path, 1_000, 500)[0], noise[:, 1_000:1_500])
    assert np.array_equal(read_audio(path, 4_900, 500)[0], noise[:, 4_900:])
    assert read_audio(path, 9_000, 500)[0].shape == (2, 0)


@pytest.mark.parametrize("content", [b"", b"not audio at all" * 100])
@pytest.mark.parametrize("read", [read_audio, audio_info])
def test_what_is_not_audio_is_refused_by_name(tmp_path, content, read):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableAudio, match=r"broken\.wav: cannot be read as audio"):
        read(path)
    with pytest.raises(UnreadableAudio, match="there is no such file"):
        read(tmp_path / "absent.wav")


def test_nothing_is_left_of_a_refused_write(tmp_path, noise):
    with pytest.raises(ValueError, match="not finite"):
        write_audio(tmp_path / "clip.wav", np.full((1, 10), np.nan, np.float32), SAMPLE_RATE)
    with pytest.raises(ValueError, match=r"\.flac or \.wav"):
        write_audio(tmp_path / "clip.mp4", noise, SAMPLE_RATE)
    with pytest.raises(ValueError, match=r"\[channels, samples\]"):
        write_audio(tmp_path / "clip.wav", noise[0], SAMPLE_RATE)
    assert list(tmp_path.iterdir()) == []


def test_resampling_keeps_a_tone_and_its_time():
    seconds = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 1_000 * seconds)[None].astype(np.float32)
    audio = resample(tone, 48_000, SAMPLE_RATE)
    assert audio.dtype == np.float32
    assert audio.shape == (1, SAMPLE_RATE)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert np.abs(audio[0] - expected)[500:-500].max() < 1e-5


def test_equal_rates_and_no_samples_are_left_alone():
    audio = np.ones((2, 10), np.float32)
    assert resample(audio, 44_100, 44_100) is audio
    assert resample(audio[:, :0], 48_000, 44_100).shape == (2, 0)


def test_stereo_from_any_number_of_channels():
    channels = np.random.default_rng(1).uniform(-1, 1, (6, 100)).astype(np.float32)
    mono = to_stereo(channels[:1])
    assert np.array_equal(mono[0], channels[0])
    assert np.array_equal(mono[1], channels[0])
    assert np.array_equal(to_stereo(channels[:2]), channels[:2])
    mixed = to_stereo(channels)
    assert mixed.shape == (2, 100)
    assert mixed.dtype == np.float32
    assert np.abs(to_stereo(np.ones((6, 3), np.float32))).max() == pytest.approx(1)
