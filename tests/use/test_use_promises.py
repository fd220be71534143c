"""What `saga super-resolve` promises of every file."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import butter, resample_poly, sosfiltfilt

from saga_kedro.model import blocks, piecewise
from saga_kedro.model.dials import Dials
from saga_kedro.model.treatment import Treatment
from saga_kedro.use.one_file import super_resolve_file
from saga_kedro.use.places import Job
from saga_kedro.use.settings import Settings
from sounds import full_band, muffled


def resolved(model, folder: Path, audio: np.ndarray, own: int = 44_100, name: str = "in.wav", **settings):
    """The outcome, and the result as [channels, samples] with its rate."""
    source = folder / name
    soundfile.write(source, audio.T, own, "FLOAT" if name.endswith("wav") else None)
    outcome = super_resolve_file(model, Job(source, folder / "out" / name, overwrite=True), Settings(**settings))
    assert outcome.status != "failed", outcome.why
    result, result_rate = soundfile.read(outcome.output, dtype="float32", always_2d=True)
    return outcome, result.T, result_rate


def below(audio: np.ndarray, rate: int, hertz: float) -> np.ndarray:
    """What lies below a frequency and nothing else, away from the ends."""
    spectrum = np.fft.rfft(audio)
    spectrum[:, int(hertz / rate * audio.shape[1]) :] = 0
    return np.fft.irfft(spectrum, audio.shape[1])[:, 4_000:-4_000]


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    scaled = reference * (reference * estimate).sum() / (reference**2).sum()
    return float(10 * np.log10((scaled**2).sum() / ((estimate - scaled) ** 2).sum()))


def level_above(audio: np.ndarray, rate: int, hertz: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(audio.shape[1]))) ** 2
    first = int(hertz / rate * audio.shape[1])
    return float(10 * np.log10(spectrum[:, first:].sum() / spectrum.sum() + 1e-20))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("rate", "wanted"), [(16_000, 48_000), (44_100, 44_100), (48_000, 48_000), (96_000, 96_000)])
def test_the_low_band_rate_and_duration_stay_and_an_upper_band_appears_up_to_22_khz(model, tmp_path, rate, wanted, channels):
    audio = muffled(1.0, channels, rate)
    outcome, high, high_rate = resolved(model, tmp_path, audio, rate, rolloff=0.8)
    assert (high_rate, high.shape) == (wanted, (channels, round(audio.shape[1] * high_rate / rate)))
    assert outcome.cutoff_hz == pytest.approx(4_000, rel=0.1)
    given = resample_poly(audio, high_rate // 100, rate // 100, axis=1)
    assert si_sdr(below(given, high_rate, 3_600), below(high, high_rate, 3_600)) > 40
    assert level_above(high, high_rate, 6_000) > level_above(given, high_rate, 6_000) + 20
    assert level_above(high, high_rate, 23_000) < -60


def test_a_44_1_khz_file_with_nothing_above_4_khz_is_treated_like_an_8_khz_file(model, tmp_path):
    at_8_khz = resample_poly(muffled(1.0, 1, 44_100, 3_900), 80, 441, axis=1)
    at_44_1_khz = resample_poly(at_8_khz, 441, 80, axis=1)
    first, one, _ = resolved(model, tmp_path, at_8_khz, 8_000, rate=44_100)
    second, other, _ = resolved(model, tmp_path, at_44_1_khz)
    assert first.cutoff_hz == pytest.approx(second.cutoff_hz, rel=0.05)
    assert one.shape == other.shape


@pytest.mark.parametrize(("name", "quality"), [("in.mp3", 0.85), ("in.ogg", 1.0)])
def test_the_output_of_a_lossy_codec_is_treated_from_where_it_ends(model, tmp_path, name, quality):
    source = tmp_path / name
    with soundfile.SoundFile(str(source), "w", 44_100, 2, compression_level=quality) as file:
        file.write(full_band(2.0).T)
    outcome = super_resolve_file(model, Job(source, tmp_path / "out.wav"), Settings(rolloff=0.9))
    assert outcome.status == "super-resolved"
    assert outcome.cutoff_hz is not None
    assert 8_000 < outcome.cutoff_hz < 16_500
    high, rate = soundfile.read(outcome.output, always_2d=True)
    before, _ = soundfile.read(source, always_2d=True)
    assert level_above(high.T, rate, 17_500) > level_above(before.T, rate, 17_500) + 10


@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.aiff"])
def test_a_full_band_file_comes_out_as_the_same_file_and_that_is_said(model, tmp_path, name):
    outcome, _, _ = resolved(model, tmp_path, full_band(), name=name)
    assert Path(outcome.output).read_bytes() == (tmp_path / name).read_bytes()
    assert outcome.status == "left as it is"
    assert "full-band" in outcome.why


def test_a_full_band_file_in_another_format_keeps_its_samples(model, tmp_path):
    source = tmp_path / "in.wav"
    soundfile.write(source, full_band(0.5).T, 44_100, "PCM_16")
    job = Job(source, tmp_path / "out.flac")
    assert super_resolve_file(model, job, Settings(form="flac")).status == "left as it is"
    assert np.array_equal(soundfile.read(job.target)[0], soundfile.read(source)[0])


def test_a_cutoff_that_is_asked_for_overrides_what_is_measured(model, tmp_path):
    audio = full_band()
    outcome, high, rate = resolved(model, tmp_path, audio, cutoff_hz=5_000.0, rolloff=0.8)
    assert outcome.status == "super-resolved"
    assert si_sdr(below(audio, rate, 4_500), below(high, rate, 4_500)) > 40
    above = butter(12, 8_000, "high", fs=rate, output="sos")
    assert si_sdr(sosfiltfilt(above, audio), sosfiltfilt(above, high)) < 0


@pytest.mark.parametrize(("rate", "wanted"), [(8_000, 48_000), (22_050, 44_100), (44_100, 44_100), (96_000, 96_000)])
def test_silence_in_is_silence_out(model, tmp_path, rate, wanted):
    _, high, high_rate = resolved(model, tmp_path, np.zeros((2, rate)), rate)
    assert (high.shape, high_rate) == ((2, wanted), wanted)
    assert not high.any()


@pytest.mark.parametrize(("rate", "wanted"), [(44_100, 44_100), (48_000, 48_000), (44_100, 48_000)])
def test_stretches_of_silence_stay_silent(model, tmp_path, rate, wanted):
    audio = muffled(1.0, 2, rate)
    audio[:, 10_000:20_000] = 0
    audio[1, 30_000:36_000] = 0
    _, high, _ = resolved(model, tmp_path, audio, rate, cutoff_hz=4_000.0, rate=wanted)
    both, one = (
        range(-(-start * wanted // rate), stop * wanted // rate) for start, stop in ((10_000, 20_000), (30_000, 36_000))
    )
    assert not high[:, both].any()
    assert not high[1, one].any()
    assert high[0, one].any()


def test_a_rate_that_is_asked_for_is_the_result_s_whatever_the_input_s(model, tmp_path):
    for own, wanted in ((96_000, 44_100), (44_100, 48_000), (48_000, 44_100)):
        _, high, rate = resolved(model, tmp_path, muffled(0.5, 1, own), own, rate=wanted)
        assert (rate, high.shape) == (wanted, (1, wanted // 2))
    outcome, high, rate = resolved(model, tmp_path, full_band(0.5), rate=48_000)
    assert (outcome.status, rate) == ("left as it is", 48_000)
    np.testing.assert_allclose(high, soxr.resample(full_band(0.5).T, 44_100, 48_000, "VHQ").T, atol=1e-4)


def test_what_is_kept_is_resampled_once_and_python_gives_the_same(model, tmp_path):
    audio = muffled(1.0, 2, 16_000).astype(np.float32)
    _, high, _ = resolved(model, tmp_path, audio, 16_000, cutoff_hz=4_000.0)
    once = soxr.resample(audio.T, 16_000, 48_000, "VHQ").T
    assert si_sdr(below(once, 48_000, 3_000), below(high, 48_000, 3_000)) > 55
    np.testing.assert_allclose(model.super_resolve(audio, 16_000, cutoff_hz=4_000, rate=48_000), high, atol=1e-5)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_identical_channels_stay_identical_and_mono_is_the_same(model, tmp_path, rate):
    mono = muffled(0.7, 1, rate)
    _, one, _ = resolved(model, tmp_path, mono, rate)
    _, two, _ = resolved(model, tmp_path, np.repeat(mono, 2, axis=0), rate)
    assert np.array_equal(two[0], two[1])
    assert np.array_equal(two[:1], one)


def test_more_channels_are_mixed_to_two_and_that_is_said(model, tmp_path):
    outcome, high, _ = resolved(model, tmp_path, muffled(0.5, 6))
    assert len(high) == 2
    assert "6 channels were mixed" in outcome.notes[0]


@pytest.mark.parametrize("name", ["in.wav", "in.flac"])
def test_nothing_clips_and_that_is_said(model, tmp_path, name):
    audio = muffled(0.5, 1)
    audio *= 0.999 / np.abs(audio).max()
    outcome, high, _ = resolved(model, tmp_path, audio, name=name, rolloff=0.95, cutoff_hz=4_000.0)
    assert np.abs(high).max() < 1.0
    assert "or it would clip" in outcome.notes[-1]


def test_the_level_is_lowered_limited_or_kept(model, tmp_path):
    audio = muffled(0.5, 1)
    audio *= 0.999 / np.abs(audio).max()

    def level(**settings):
        return resolved(model, tmp_path, audio, rolloff=0.95, cutoff_hz=4_000.0, **settings)[1]

    kept, lowered, limited = (level(level=name) for name in ("keep", "lower", "limit"))
    assert np.abs(kept).max() > 1
    np.testing.assert_allclose(lowered, kept * 0.999 / np.abs(kept).max(), atol=1e-6)
    assert np.abs(limited).max() <= 1
    assert np.median(np.abs(limited - kept)) < 0.2 * np.median(np.abs(lowered - kept))
    np.testing.assert_allclose(level(level="keep", gain_db=-20.0), kept / 10, atol=1e-6)


def test_an_album_shares_a_gain_and_a_format_without_headroom_keeps_no_level_over_full_scale(model, tmp_path):
    outcome, high, _ = resolved(model, tmp_path, full_band(0.5), gain_db=-6.0)
    assert outcome.status == "left as it is"
    np.testing.assert_allclose(high, full_band(0.5) * 10 ** (-6 / 20), atol=1e-6)
    soundfile.write(tmp_path / "loud.flac", muffled(0.5).T / np.abs(muffled(0.5)).max(), 44_100)
    job = Job(tmp_path / "loud.flac", tmp_path / "out" / "loud.flac")
    failed = super_resolve_file(model, job, Settings(rolloff=0.95, cutoff_hz=4_000.0, level="keep", gain_db=3.0))
    assert failed.why.endswith("flac holds nothing over full scale: ask for --format wav, or for --level limit.")


def test_the_same_call_gives_the_same_file_and_another_seed_another(model, tmp_path):
    audio = muffled(0.5)
    (_, first, _), (_, again, _), (_, other, _) = (resolved(model, tmp_path, audio, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fast_takes_at_most_four_evaluations(model, tmp_path, monkeypatch):
    monkeypatch.setitem(model.sample, "steps", 16)
    calls: list[tuple] = []
    velocity = model.velocity

    def counted(z_t, t, condition, setting):
        calls.append((len(z_t), setting["s_a"], setting["s_t"]))
        return velocity(z_t, t, condition, setting)

    monkeypatch.setattr(model, "velocity", counted)
    resolved(model, tmp_path, muffled(0.3), fast=True)
    assert calls == [(1, 1.0, 1.0)] * 4  # unguided, each is one evaluation


def test_how_a_long_file_is_cut_cannot_be_measured(model, monkeypatch):
    """In blocks and pieces or as one, the result is the same: 80 dB under what was added, everywhere."""
    audio = muffled(30.0)
    whole = model.super_resolve(audio, 44_100, rolloff=0.8, cutoff_hz=4_000)
    monkeypatch.setattr(blocks, "BLOCK_SECONDS", 10.0)
    monkeypatch.setattr(piecewise, "PIECE_SECONDS", 5.0)
    cut = model.super_resolve(audio, 44_100, rolloff=0.8, cutoff_hz=4_000)
    added, difference = (np.square(x).reshape(2, -1, 4_410).mean(axis=(0, 2)) for x in (whole - audio, cut - whole))
    assert difference.max() < 1e-8 * added.mean()
    assert len(blocks.blocks(list(range(0, 1_280, 12)), 16, 1_024)) > 2


def test_a_long_file_is_never_held_as_a_whole(model, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SECONDS", 20.0)
    asked: list[int] = []
    audio = muffled(10.0)

    def read(start: int, stop: int) -> np.ndarray:
        asked.append(stop - start)
        return np.take(audio, np.arange(start, stop), axis=1, mode="wrap")

    done = [0.0, 0.0]
    todo = Treatment(4_000.0, False, "")
    for part in model.stream(read, 90 * 44_100, todo, dials=Dials(0.8), advance=lambda s: done.append(s)):
        done[0] += part.shape[1] / 44_100
        asked.append(part.shape[1])
    assert done[0] == pytest.approx(90)
    assert max(asked) < 17 * 44_100
    assert sum(done[2:]) == pytest.approx(90, rel=0.4)  # blocks overlap
