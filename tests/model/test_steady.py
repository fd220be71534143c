"""Steady noise continues above the cutoff along its own slope, and nothing else does."""

import numpy as np
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.reading import from_array
from saga_kedro.model.noise_floor import HERTZ
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.steady import BURST, SECOND, continued, track_steady
from sounds import bursts_over_noise
from tiny_model import tiny_model

CUTOFF = 4_000.0
ABOVE = (HERTZ > CUTOFF) & (HERTZ < 16_000)


def noise(seconds, slope_db=0.0):
    spectrum = np.fft.rfft(0.1 * np.random.default_rng(0).standard_normal((1, int(seconds * SAMPLE_RATE))))
    hertz = np.maximum(np.fft.rfftfreq(int(seconds * SAMPLE_RATE), 1 / SAMPLE_RATE), 50.0)
    audio = np.fft.irfft(spectrum * (hertz / 1_000) ** (slope_db / 6.0206), int(seconds * SAMPLE_RATE))
    return np.repeat(audio, 2, axis=0).astype(np.float32)


def tracked(audio):
    low = low_pass(audio, SAMPLE_RATE, LowPass("chebyshev", 8, int(CUTOFF)))
    return track_steady(from_array(low), low.shape[1], CUTOFF)


@pytest.mark.parametrize("slope_db", [0.0, -3.0, -6.0])
def test_noise_of_any_slope_is_steady_and_keeps_its_slope(slope_db):
    track = tracked(noise(70, slope_db))[SECOND]
    assert track.share[:, 0].min() == 1  # in the second minute too
    assert not track.share[:, 1].any()  # the side is silent
    expected = -20 + slope_db * np.log2(HERTZ / 1_000)
    np.testing.assert_allclose(track.level_db[:, 0, ABOVE], np.tile(expected[ABOVE], (len(track.share), 1)), atol=1.5)


def test_a_line_is_no_steeper_than_12_db_and_rises_by_no_more_than_1_db_per_octave():
    power = (np.fft.rfftfreq(2_048, 1 / SAMPLE_RATE).clip(50) / 1_000) ** 2.0
    for steep, slope in ((power, 1.0), (power**-4, -12.0)):
        level = continued(steep, CUTOFF)[ABOVE]
        octaves = np.log2(HERTZ[ABOVE][-1] / HERTZ[ABOVE][0])
        assert (level[-1] - level[0]) / octaves == pytest.approx(slope, abs=0.01)


def test_tones_voices_and_a_recordings_noise_floor_are_not_steady_noise():
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.tile(np.sin(2 * np.pi * 300 * time) * 0.1, (2, 1)).astype(np.float32)
    beating = noise(20) * (1 + np.sin(2 * np.pi * 4 * time)).astype(np.float32)
    assert not tracked(tone)[SECOND]
    assert tracked(beating)[SECOND].share.mean() < 0.1
    assert not tracked(bursts_over_noise(seconds=20.0)[0])[SECOND]


def test_a_burst_counts_where_it_rises_from_what_is_around_it():
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE % 1
    tracks = tracked(noise(10) * ((time > 0.3) & (time < 0.7)).astype(np.float32).clip(1e-3))
    at = (np.arange(1, 9) + 0.5) * SAMPLE_RATE
    share, level_db = tracks[BURST].at(at)
    assert share[:, 0].min() > 0.5
    np.testing.assert_allclose(level_db[:, 0, ABOVE], -20, atol=5)
    assert not tracks[SECOND]
    assert not tracked(noise(10))[BURST]


def test_the_result_is_as_steady_as_the_input_and_the_same_from_the_middle_on():
    model, audio = tiny_model(), noise(24)
    low = low_pass(audio, SAMPLE_RATE, LowPass("chebyshev", 8, int(CUTOFF)))
    whole, half = (levels(model, part) for part in (low, low[:, 12 * SAMPLE_RATE :]))
    assert np.ptp(whole[1:-1]) < 1
    np.testing.assert_allclose(half[1:-1], whole[13:-1], atol=1)
    np.testing.assert_allclose(whole[1:-1], levels(None, audio)[1:-1], atol=3)


def levels(model: SagaSR | None, audio):
    """Level of each second between 4.2 and 16 kHz, in dB."""
    high = audio if model is None else model.super_resolve(audio, SAMPLE_RATE, cutoff_hz=CUTOFF)
    spectrum = np.fft.rfft(high[0, : high.shape[1] // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE))
    return 10 * np.log10(np.square(np.abs(spectrum[:, 4_200:16_000])).mean(axis=1))
