"""What training changes of a segment: what sounds in input and reference, and the noise under it in the input alone."""

from functools import partial

import numpy as np
import pytest
import torch

from saga_kedro.audio.noise_floor import measure_floor
from saga_kedro.draws import rng
from saga_kedro.parameters import Vary
from saga_kedro.training.variation import coloured_noise, denoised, hissing, varied
from small_corpus import segments_of_clips, tiny_parameters, write_clips
from sounds import bursts_over_noise

HISS = {"hiss_minimum_db": -40.0, "hiss_maximum_db": -40.0, "room_slope_db": 0.0, "microphone_slope_db": 0.0}
NOTHING = tiny_parameters().vary.model_dump() | HISS  # conf/base varies nothing; where there is a hiss, it is white
EVERYTHING = Vary(
    **NOTHING | {"gain_db": 6.0, "tilt_db": (3.0, 3.0), "room": 1.0, "ending": 1.0, "master": 1.0, "denoise": True, "hiss": 1.0}
)


def tone(channels=2):
    own = np.arange(1, channels + 1)[:, None]
    return (0.25 * np.sin(2 * np.pi * 440 * own * np.arange(44_100) / 44_100)).astype(np.float32)


def white(channels=1, samples=2**17, peak=0.5):
    noise = rng(0).standard_normal((channels, samples)).astype(np.float32)
    return noise * np.float32(peak / np.abs(noise).max())


def db(audio):
    """Root mean square in dB."""
    return 20 * np.log10(np.sqrt(np.mean(np.square(audio, dtype=float))))


def octaves(audio, *hertz):
    """Power in dB of the quarter of an octave above each frequency."""
    power = np.abs(np.fft.rfft(audio)) ** 2
    bins = np.fft.rfftfreq(len(audio), 1 / 44_100)
    return [10 * np.log10(power[(bins > f) & (bins < 1.2 * f)].mean()) for f in hertz]


@pytest.mark.parametrize("change", [varied, hissing])
def test_the_same_draw_gives_the_same_segment_and_without_a_variation_it_stays_as_it_is(change):
    assert np.array_equal(change(tone(), Vary(**NOTHING), rng(0)), tone())
    first, again, other = (change(white(), EVERYTHING, rng(draw)) for draw in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert change is hissing or not change(np.zeros((2, 44_100), np.float32), EVERYTHING, rng(0)).any()  # silence is kept


def test_a_tilted_segment_changes_above_2_khz_and_keeps_its_peak():
    vary = Vary(**NOTHING | {"tilt_db": (-3.0, 6.0)})
    tilted = [varied(white(), vary, rng(draw)) for draw in range(40)]
    levels = np.array([octaves(audio[0], 500, 1_000, 4_000, 8_000) for audio in tilted])
    rises = levels[:, 3] - levels[:, 2]
    assert -3.3 < rises.min() < -2
    assert 5 < rises.max() < 6.3
    assert np.abs(levels[:, 1] - levels[:, 0]).max() < 0.5
    assert all(np.abs(audio).max() == pytest.approx(0.5, rel=1e-5) for audio in tilted)


def test_speech_has_a_range_of_tilts_of_its_own():
    vary = Vary(**NOTHING | {"tilt_db": (4.0, 4.0), "speech_tilt_db": (-2.0, -2.0)})
    for category, slope_db in (("speech", -2.0), ("music", 4.0), ("effects", 4.0)):
        low, high = octaves(varied(white(), vary, rng(0), category)[0], 4_000, 8_000)
        assert high - low == pytest.approx(slope_db, abs=0.5), category


def test_a_room_goes_on_after_a_sound_and_adds_at_most_a_quarter_of_its_power():
    click = np.zeros((2, 44_100), np.float32)
    click[:, 4_410:4_510] = white(1, 100)
    room = Vary(**NOTHING | {"room": 1.0})
    for draw in range(10):
        heard = varied(click, room, rng(draw))
        assert not np.abs(heard[:, :4_000]).max() > 1e-6  # nothing is heard before it sounds
        after, later = (db(heard[:, start : start + 2_000]) for start in (4_600, 8_000))
        assert -90 < later < after
        assert np.abs(heard).max() == pytest.approx(0.5, rel=1e-4)
        direct = np.vdot(heard, click) / np.vdot(click, click) * click
        assert -25 < db(heard - direct) - db(direct) < -5


def test_an_ending_takes_everything_above_some_frequency_between_15_and_20_5_khz():
    ending = Vary(**NOTHING | {"ending": 1.0})
    for draw in range(10):
        power = np.abs(np.fft.rfft(varied(white(), ending, rng(draw))[0])) ** 2
        bins = np.fft.rfftfreq(2**17, 1 / 44_100)
        assert power[bins > 20_600].mean() < 1e-6 * power[bins < 14_800].mean()
        assert power[(bins > 13_000) & (bins < 14_700)].mean() == pytest.approx(power[bins < 13_000].mean(), rel=0.1)


def test_music_alone_is_mastered_up_to_full_scale_and_not_tilted():
    vary = Vary(**NOTHING | {"master": 1.0, "tilt_db": (6.0, 6.0)})
    dull = coloured_noise(1, 2**17, -12.0, rng(0)).astype(np.float32) / 10
    levels = [octaves(varied(dull, vary, rng(draw), "music")[0], 2_000, 8_000) for draw in range(20)]
    assert max(low - high for low, high in levels) < 20  # 24 before
    assert np.abs(varied(dull, vary, rng(0), "music")).max() == pytest.approx(1)
    low, high = octaves(varied(dull, vary, rng(0), "effects")[0], 2_000, 8_000)
    assert low - high == pytest.approx(24 - 12, abs=1)


@pytest.mark.parametrize("what", ["room", "master", "ending", "hiss"])
def test_rooms_masters_endings_and_hisses_come_as_often_as_asked_for(what):
    audio, vary = white(1, 2_000), Vary(**NOTHING | {what: 0.3})
    change = hissing if what == "hiss" else partial(varied, category="music")
    changed = [not np.allclose(change(audio, vary, rng(draw)), audio, atol=1e-6) for draw in range(300)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.08)


def test_a_denoised_segment_is_quiet_in_its_pauses_and_as_loud_as_before_elsewhere():
    noisy, sounding = bursts_over_noise()
    clean = varied(noisy, Vary(**NOTHING | {"denoise": True}), rng(0))
    assert db(clean[:, ~sounding]) < db(noisy[:, ~sounding]) - 10
    assert db(clean[:, sounding]) == pytest.approx(db(noisy[:, sounding]), abs=0.3)


def test_each_channel_loses_the_noise_that_it_has_and_without_a_noise_floor_none():
    noisy, sounding = bursts_over_noise()
    loud = 0.1 * rng(1).standard_normal(noisy.shape[1])  # a channel in which nothing stands out
    clean = denoised(np.stack([noisy[0], loud.astype(np.float32)]))
    assert db(clean[0, ~sounding]) < db(noisy[0, ~sounding]) - 10
    assert np.array_equal(clean[1], loud.astype(np.float32))
    assert measure_floor(tone()[0], 11_025) is None
    assert np.array_equal(varied(tone(), Vary(**NOTHING | {"denoise": True}), rng(0)), tone())


def test_levels_vary_within_the_bounds_and_never_exceed_full_scale():
    vary = Vary(**NOTHING | {"gain_db": 6.0})
    peaks = [np.abs(varied(tone(1), vary, rng(draw))).max() for draw in range(100)]
    assert 0.25 * 10**-0.3 <= min(peaks) < 0.15
    assert 0.45 < max(peaks) <= 0.25 * 10**0.3
    assert max(np.abs(varied(3 * tone(1), vary, rng(draw))).max() for draw in range(50)) <= 1


def test_identical_channels_stay_identical():
    audio = np.repeat(bursts_over_noise(channels=1)[0], 2, axis=0)
    for change in (varied, partial(varied, category="music"), hissing):
        changed = change(audio, EVERYTHING, rng(1))
        assert np.array_equal(changed[0], changed[1])
        assert not np.array_equal(changed, audio)


def test_hiss_is_two_noises_of_the_level_that_was_drawn():
    audio = tone()
    hiss = hissing(audio, Vary(**NOTHING | {"hiss": 1.0}), rng(0)) - audio
    assert db(hiss) == pytest.approx(-40 + 3, abs=0.1)
    assert abs(np.corrcoef(hiss)[0, 1]) < 0.05


def test_the_noise_of_a_room_falls_until_that_of_the_microphone_covers_it():
    vary = Vary(**NOTHING | {"hiss": 1.0, "room_slope_db": 9.0})
    silence = np.zeros((1, 2**17), np.float32)
    spectra = np.mean([octaves(hissing(silence, vary, rng(draw))[0], 150, 600, 8_000, 16_000) for draw in range(20)], axis=0)
    assert spectra[0] - spectra[1] > 4
    assert spectra[2] == pytest.approx(spectra[3], abs=0.5)


def test_training_hears_the_hiss_in_the_input_another_in_each_version_and_never_in_the_reference(tmp_path):
    clips = write_clips(tmp_path, seconds=0.5, per_category=2)
    plain, noisy = (segments_of_clips(clips, vary=NOTHING | {"hiss": share})[0] for share in (0.0, 1.0))
    assert torch.equal(noisy["high"], plain["high"])
    assert db((noisy["low"] - plain["low"]).numpy()) > -60
    # each version has its own noise; nothing but the noise differs: one low-pass for all
    one = {"minimum_order": 8, "maximum_order": 8, "minimum_hz": 4_000, "maximum_hz": 4_000, "draws": 2}
    segments = segments_of_clips(clips, vary=NOTHING | {"hiss": 1.0}, degrade=one, model={"segment_samples": 16_384})
    row, slot, _ = segments.order.at(0)
    crops = [segments.crop(row, slot, k) for k in range(3)]
    assert np.array_equal(crops[0].high, crops[1].high)
    noise = [segments.degraded(crop, segments.name(row, slot, segments.degradation(k))) for k, crop in enumerate(crops)]
    assert np.array_equal(noise[0], noise[2])
    assert db(noise[0] - noise[1]) > -60
