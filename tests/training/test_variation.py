"""What training changes of a segment: its level and its noise floor, and nothing where nothing is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from saga_kedro.draws import rng
from saga_kedro.parameters import Vary
from saga_kedro.training.fit import make_segments
from saga_kedro.training.variation import coloured_noise, varied
from small_corpus import captions_of, states_of, tiny_parameters, write_clips

NOTHING = {
    "gain_db": 0.0,
    "tilt_db": 0.0,
    "hiss": 0.0,
    "hiss_minimum_db": -40.0,
    "hiss_maximum_db": -40.0,
    "room_slope_db": 0.0,
    "microphone_slope_db": 0.0,
}


def tone(channels=2):
    own = np.arange(1, channels + 1)[:, None]
    return (0.25 * np.sin(2 * np.pi * 440 * own * np.arange(44_100) / 44_100)).astype(np.float32)


def test_by_default_a_segment_is_left_as_it_is():
    audio = tone()
    assert np.array_equal(varied(audio, Vary(**NOTHING), rng(0)), audio)


def octaves(audio, *hertz):
    """Power in dB of the quarter of an octave above each frequency."""
    power = np.abs(np.fft.rfft(audio)) ** 2
    bins = np.fft.rfftfreq(len(audio), 1 / 44_100)
    return [10 * np.log10(power[(bins > f) & (bins < 1.2 * f)].mean()) for f in hertz]


def test_hiss_is_two_noises_of_the_level_that_was_drawn():
    audio = tone()
    hiss = varied(audio, Vary(**NOTHING | {"hiss": 1.0}), rng(0)) - audio
    assert 20 * np.log10(np.sqrt(np.mean(hiss**2))) == pytest.approx(-40 + 3, abs=0.1)
    assert abs(np.corrcoef(hiss)[0, 1]) < 0.05


def test_the_noise_of_a_room_falls_until_that_of_the_microphone_covers_it():
    vary = Vary(**NOTHING | {"hiss": 1.0, "room_slope_db": 9.0})
    silence = np.zeros((1, 2**17), np.float32)
    spectra = np.mean([octaves(varied(silence, vary, rng(draw))[0], 150, 600, 8_000, 16_000) for draw in range(20)], axis=0)
    assert spectra[0] - spectra[1] > 4
    assert spectra[2] == pytest.approx(spectra[3], abs=0.5)


def test_a_brightened_segment_rises_above_2_khz_and_keeps_its_peak():
    noise = rng(0).standard_normal((1, 2**17)).astype(np.float32)
    noise *= 0.5 / np.abs(noise).max()
    brighter = [varied(noise, Vary(**NOTHING | {"tilt_db": 6.0}), rng(draw)) for draw in range(40)]
    levels = np.array([octaves(audio[0], 500, 1_000, 4_000, 8_000) for audio in brighter])
    rises = levels[:, 3] - levels[:, 2]
    assert -0.3 < rises.min() < 1
    assert 5 < rises.max() < 6.3
    assert np.abs(levels[:, 1] - levels[:, 0]).max() < 0.5
    assert all(np.abs(audio).max() == pytest.approx(0.5, rel=1e-5) for audio in brighter)


def test_identical_channels_stay_identical():
    audio = np.repeat(tone(1), 2, axis=0)
    louder = varied(audio, Vary(**NOTHING | {"hiss": 1.0, "gain_db": 6.0, "tilt_db": 3.0}), rng(1))
    assert np.array_equal(louder[0], louder[1])


def test_hiss_comes_as_often_as_asked_for():
    audio, vary = tone(1)[:, :1000], Vary(**NOTHING | {"hiss": 0.8})
    assert np.mean([not np.array_equal(varied(audio, vary, rng(draw)), audio) for draw in range(400)]) == pytest.approx(
        0.8, abs=0.06
    )


def test_the_spectrum_of_the_hiss_rises_by_the_slope():
    low, high = octaves(coloured_noise(1, 2**17, 6.0, rng(0))[0], 4_000, 8_000)
    assert high - low == pytest.approx(6.0, abs=0.3)


def test_levels_vary_within_the_bounds_and_never_exceed_full_scale():
    vary = Vary(**NOTHING | {"gain_db": 6.0})
    peaks = [np.abs(varied(tone(1), vary, rng(draw))).max() for draw in range(100)]
    assert 0.25 * 10**-0.3 <= min(peaks) < 0.15
    assert 0.45 < max(peaks) <= 0.25 * 10**0.3
    assert max(np.abs(varied(3 * tone(1), vary, rng(draw))).max() for draw in range(50)) <= 1


def test_training_hears_the_hiss_in_input_and_reference(tmp_path):
    clips = write_clips(tmp_path)
    captions = captions_of(clips)
    plain, hissing = (
        make_segments(clips, captions, states_of(captions), tiny_parameters(vary=NOTHING | {"hiss": share}), "train")[0]
        for share in (0.0, 1.0)
    )
    for side in ("low", "high"):
        assert 20 * np.log10(float((hissing[side] - plain[side]).square().mean().sqrt())) > -60
