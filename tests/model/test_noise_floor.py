"""A recording's noise floor continues above the cutoff as similar floors do, and is added to the generated band."""

from typing import Any

import numpy as np
import pytest
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.noise_floor import measure_floor
from saga_kedro.audio.reading import from_array
from saga_kedro.draws import rng
from saga_kedro.model import blocks, noise_floor, piecewise
from saga_kedro.model.codec.band_envelope import SCALE_DB, BandEnvelope
from saga_kedro.model.dials import Dials
from saga_kedro.model.noise_floor import (
    BANDS,
    HERTZ,
    KNOWN_BELOW,
    ROWS,
    Floor,
    FloorPredictor,
    FloorTrack,
    track_floor,
)
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.treatment import Treatment
from sounds import bursts_over_noise
from tiny_autoencoder import write_tiny_autoencoder
from tiny_model import CONFIGURATION, hushed_model, tiny_model

CUTOFF = 4_000.0
ABOVE = KNOWN_BELOW * CUTOFF <= HERTZ


def sloped(below_db, above_db, level_db=-60.0, reach_hz=22_050.0, origin="somewhere"):
    """A floor with one slope in dB per octave below 4 kHz, and another above."""
    octaves = np.log2(np.maximum(HERTZ, 100.0) / CUTOFF)
    return Floor(level_db + octaves * np.where(octaves < 0, below_db, above_db), reach_hz, origin)


FALLING, RISING = sloped(-6.0, -9.0), sloped(3.0, 6.0, level_db=-72.0, origin="elsewhere")


def predictor(*floors):
    one = FloorPredictor()
    one.fit(floors)
    return one


class TestContinuation:
    def test_without_a_table_a_floor_goes_on_flat(self):
        continued = FloorPredictor().continued(FALLING.level_db, CUTOFF)
        assert np.ptp(continued[ABOVE]) < 1e-9
        assert continued[ABOVE][0] == pytest.approx(FALLING.level_db[~ABOVE][-6:].mean())

    @pytest.mark.parametrize("louder_db", [0.0, 25.0, -25.0])
    @pytest.mark.parametrize("like", [FALLING, RISING])
    def test_with_one_it_goes_on_as_the_floor_that_is_like_it_whatever_its_level(self, like, louder_db):
        given = like.level_db + louder_db
        np.testing.assert_allclose(predictor(FALLING, RISING).continued(given, CUTOFF), given, atol=0.5)

    def test_what_lies_above_the_cutoff_of_the_input_is_not_looked_at(self):
        one = predictor(FALLING, RISING)
        muffled = np.where(ABOVE, -150.0, FALLING.level_db)
        np.testing.assert_array_equal(one.continued(muffled, CUTOFF), one.continued(FALLING.level_db, CUTOFF))

    @pytest.mark.parametrize("cutoff_hz", [2_000.0, 4_000.0, 12_000.0])
    def test_below_the_cutoff_nothing_changes(self, cutoff_hz):
        given = FALLING.level_db + rng(0).standard_normal(BANDS)
        continued = predictor(FALLING, RISING).continued(given, cutoff_hz)
        below = KNOWN_BELOW * cutoff_hz > HERTZ
        np.testing.assert_array_equal(continued[below], given[below])
        assert not np.isclose(continued[~below], given[~below]).all()

    @pytest.mark.parametrize("cutoff_hz", [500.0, 25_100.0])
    def test_where_too_little_is_known_or_nothing_is_missing_it_stays_as_it_is(self, cutoff_hz):
        np.testing.assert_array_equal(predictor(RISING).continued(FALLING.level_db, cutoff_hz), FALLING.level_db)

    def test_bands_that_no_floor_of_the_table_reaches_keep_the_last_level(self):
        continued = predictor(sloped(-6.0, -9.0, reach_hz=10_000.0)).continued(FALLING.level_db, CUTOFF)
        reached = HERTZ < 10_000
        np.testing.assert_allclose(continued[reached], FALLING.level_db[reached], atol=1e-4)
        np.testing.assert_allclose(continued[~reached], FALLING.level_db[reached][-1], atol=1e-4)

    def test_where_a_floor_ends_and_others_reach_higher_nothing_jumps(self):
        one = predictor(sloped(0.0, -12.0, reach_hz=10_000.0), sloped(0.0, 0.0, origin="elsewhere"))
        continued = one.continued(sloped(0.0, 0.0).level_db, CUTOFF)
        assert np.abs(np.diff(continued[ABOVE])).max() < 1.5
        assert continued[-1] < continued[ABOVE][0] - 5  # where it fell with both, it stays down with the one

    def test_a_floor_that_is_not_known_up_to_the_cutoff_is_not_asked(self):
        np.testing.assert_array_equal(
            predictor(sloped(-6.0, 30.0, reach_hz=2_000.0), RISING).continued(FALLING.level_db, CUTOFF),
            predictor(RISING).continued(FALLING.level_db, CUTOFF),
        )

    def test_an_origin_weighs_as_the_root_of_its_floors(self):
        """Four floors of one place against one of another, all alike below the cutoff: two to one."""
        one = predictor(*[sloped(0.0, -9.0, origin="large")] * 4, sloped(0.0, 0.0, origin="small"))
        continued = one.continued(sloped(0.0, 0.0).level_db, CUTOFF)
        expected = (2 * sloped(0.0, -9.0).level_db + sloped(0.0, 0.0).level_db) / 3
        np.testing.assert_allclose(continued[ABOVE], expected[ABOVE], atol=1e-4)
        full = predictor(*[FALLING] * ROWS, RISING)  # what the table has no room for is left out
        np.testing.assert_allclose(full.continued(FALLING.level_db, CUTOFF), FALLING.level_db, atol=1e-4)


def track(audio, amount=1.0):
    return track_floor(from_array(audio), audio.shape[1], 8_000.0, FloorPredictor(), amount)


def db(power):
    return 10 * np.log10(power)


class TestTrack:
    def test_the_floor_of_independent_channels_is_in_mid_and_side(self):
        power = track(bursts_over_noise(-60.0)[0]).power
        assert power.shape == (1, 2, BANDS)
        np.testing.assert_allclose(db(power[0, :, 4:].mean(axis=1)), -63, atol=1)  # mid and side halve the power

    def test_identical_channels_have_no_floor_between_them(self):
        mono = bursts_over_noise(-60.0, channels=1)[0]
        power = track(np.repeat(mono, 2, axis=0)).power
        assert db(power[0, 0, 4:].mean()) == pytest.approx(-60, abs=1)
        assert not power[0, 1].any()

    def test_none_of_it_is_nothing_and_half_of_it_is_six_decibels_less(self):
        audio = bursts_over_noise()[0]
        whole, half, none = (track(audio, amount) for amount in (1.0, 0.5, 0.0))
        assert whole
        assert not none
        np.testing.assert_allclose(half.power, whole.power / 4)

    def test_what_looks_like_a_floor_above_4_khz_alone_is_the_quiet_of_dense_music(self):
        seconds = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
        held = sum(np.sin(2 * np.pi * hertz * seconds) for hertz in range(1_600, 2_800, 100)) * 0.01
        noise = bursts_over_noise(-60.0)[0]
        music = (noise + held * [[1.0], [0.0]]).astype(np.float32)
        assert measure_floor(music[0], 8_000.0) is not None
        assert track(noise)
        assert not track(music)

    def test_long_clips_are_followed_stretch_by_stretch(self, monkeypatch):
        monkeypatch.setattr(noise_floor, "STRETCH_SECONDS", 4.0)
        halves = [bursts_over_noise(level_db, burst_db=-10.0)[0] for level_db in (-70.0, -50.0)]
        found = track(np.concatenate(halves, axis=1))
        assert found.middles.tolist() == [2 * SAMPLE_RATE, 6 * SAMPLE_RATE]
        np.testing.assert_allclose(db(found.power[:, 0, 4:].mean(axis=1)), [-73, -53], atol=1)

    def test_between_the_middles_of_stretches_it_goes_from_one_to_the_other(self):
        found = FloorTrack(np.array([100.0, 300.0, 500.0]), np.array([1.0, 3.0, 0.0])[:, None, None] * np.ones((3, 2, BANDS)))
        power = found.at(np.array([0, 100, 150, 300, 450, 500, 900]))
        assert power.shape == (7, 2, BANDS)
        assert power[:, 0, 0].tolist() == [1.0, 1.0, 1.5, 3.0, 0.75, 0.0, 0.0]
        alone = FloorTrack(np.array([100.0]), np.ones((1, 2, BANDS)))
        assert (alone.at(np.array([0.0, 100.0, 1e6])) == 1).all()


class TestLatents:
    """`BandEnvelope.with_noise`: the levels of audio and noise together."""

    codec = BandEnvelope()

    def encoded(self, audio):
        return self.codec.encode(torch.from_numpy(audio).float()[None]).mean[0]

    def flat(self, frames, power):
        return np.full((frames, 2, BANDS), power)

    def test_they_are_the_levels_of_the_sum(self):
        one, other = 1e-3 * rng(0).standard_normal((2, 2, 3 * SAMPLE_RATE)) * np.array([1.0, 0.7])[:, None, None]
        z = self.encoded(one)
        noisy = self.codec.with_noise(z, z, self.flat(z.shape[1], 0.49e-6 / 2), HERTZ)
        added = ((noisy - self.encoded(one + other)) * SCALE_DB)[:, 2:-2].mean(dim=1)
        assert added.mean().abs() < 0.4
        assert added.abs().max() < 1

    def test_silent_frames_of_the_input_stay_silent_in_mid_or_side(self):
        audio = 1e-2 * rng(0).standard_normal((1, SAMPLE_RATE)).repeat(2, axis=0)
        audio[:, SAMPLE_RATE // 2 :] = 0
        z_l = self.encoded(audio)
        noisy = self.codec.with_noise(z_l, z_l, self.flat(z_l.shape[1], 1e-2), HERTZ)
        silent = (z_l == self.encoded(np.zeros((2, 1024)))).unflatten(0, (2, -1)).all(dim=1)
        assert silent.any(dim=1).tolist() == [True, True]
        assert silent.all(dim=1).tolist() == [False, True]
        changed = (noisy != z_l).unflatten(0, (2, -1)).any(dim=1)
        assert torch.equal(changed, ~silent)
        assert not self.codec.decode(noisy[None])[..., -SAMPLE_RATE // 4 :].any()

    def test_bands_of_another_width_are_interpolated(self):
        codec = BandEnvelope(bands=32)
        z = torch.zeros(64, 3)
        power = np.broadcast_to(10 ** (np.linspace(0, -30, BANDS) / 10), (3, 2, BANDS))
        level = codec.with_noise(z, z, power, HERTZ) * SCALE_DB + np.tile(codec.centre, 2)[:, None]
        noise_db = np.interp(codec.hertz, HERTZ, np.linspace(0, -30, BANDS))
        quiet = 10 * np.log10(10 ** (codec.centre / 10) + np.pi / 4 * 10 ** (noise_db / 10))
        assert (level[:32, 0] - quiet).abs().max() < 0.3


def noisy_and_muffled(seconds=4.0, channels=2):
    """Bursts over noise at -60 dB, with nothing above 4 kHz; and where the pauses are."""
    audio, sounding = bursts_over_noise(-60.0, seconds, channels)
    return low_pass(audio, SAMPLE_RATE, LowPass("chebyshev", 8, int(CUTOFF))), ~sounding


def levels_db(audio, where, *hertz):
    """Level of each band of 2 kHz that starts there, in dB of white noise, where it is asked for."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 2_048)[::512]
    kept = np.lib.stride_tricks.sliding_window_view(where, 2_048)[::512].all(axis=1)
    window = np.hanning(2_048)
    power = (np.abs(np.fft.rfft(frames[kept] * window)) ** 2).mean(axis=0) / np.square(window).sum()
    bins = np.fft.rfftfreq(2_048, 1 / SAMPLE_RATE)
    return [db(power[(bins > start) & (bins < start + 2_000)].mean()) for start in hertz]


class TestSuperResolve:
    @pytest.fixture(scope="class")
    def hushed(self):
        model = hushed_model()
        model.floor_predictor.fit([sloped(0.0, -6.0), sloped(-20.0, 6.0, origin="elsewhere")])
        return model

    def resolve(self, model, audio, amount, **settings):
        return model.super_resolve(
            audio, SAMPLE_RATE, **{"rolloff": 0.8, "cutoff_hz": CUTOFF, "noise_floor": amount} | settings
        )

    def test_a_noisy_recording_hisses_above_its_cutoff_too_if_it_is_to(self, hushed):
        audio, pauses = noisy_and_muffled()
        with_floor, without = (self.resolve(hushed, audio, amount) for amount in (1.0, 0.0))
        for channel in range(2):
            # as the floor of the table that is white below; low-frequency replacement may scale it by a fifth
            assert levels_db(with_floor[channel], pauses, 5_000, 15_000) == pytest.approx([-63.5, -72], abs=2.5)
            assert max(levels_db(without[channel], pauses, 5_000, 15_000)) < -90

    def test_the_amount_is_the_models_where_none_is_asked_for(self, hushed, monkeypatch):
        audio, _ = noisy_and_muffled(2.0)
        assert np.array_equal(self.resolve(hushed, audio, None), self.resolve(hushed, audio, 0.0))
        monkeypatch.setitem(hushed.sample, "noise_floor", 1.0)
        assert np.array_equal(self.resolve(hushed, audio, None), self.resolve(hushed, audio, 1.0))
        assert not np.array_equal(self.resolve(hushed, audio, 0.0), self.resolve(hushed, audio, 1.0))

    def test_a_recording_without_noise_gets_none(self, hushed):
        seconds = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
        clean = np.stack([0.3 * np.sin(2 * np.pi * hertz * seconds) * np.exp(-10 * (seconds % 0.5)) for hertz in (500, 1_700)])
        assert np.array_equal(*(self.resolve(hushed, clean.astype(np.float32), amount) for amount in (0.0, 1.0)))

    def test_silence_stays_silent(self, hushed):
        assert not self.resolve(hushed, np.zeros((2, SAMPLE_RATE), np.float32), 1.0).any()
        audio, _ = noisy_and_muffled()
        audio[:, SAMPLE_RATE : 2 * SAMPLE_RATE] = 0
        assert not self.resolve(hushed, audio, 1.0)[:, SAMPLE_RATE : 2 * SAMPLE_RATE].any()

    def test_identical_channels_stay_identical_and_mono_is_the_same(self, hushed):
        mono, pauses = noisy_and_muffled(channels=1)
        stereo = self.resolve(hushed, np.repeat(mono, 2, axis=0), 1.0)
        assert np.array_equal(stereo[0], stereo[1])
        assert np.array_equal(self.resolve(hushed, mono, 1.0), stereo[:1])
        assert levels_db(stereo[0], pauses, 5_000)[0] == pytest.approx(-63.5, abs=2.5)

    @pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan")])
    def test_an_amount_out_of_range_is_refused(self, hushed, amount):
        with pytest.raises(ValueError, match=r"^noise_floor must be a number in \[0, 1\], not .*\.$"):
            self.resolve(hushed, noisy_and_muffled(1.0)[0], amount)

    def test_a_codec_that_adds_no_noise_refuses_any_and_does_without(self, tmp_path):
        saga = SagaSR(CONFIGURATION | {"codec": {"name": "autoencoder", "path": str(write_tiny_autoencoder(tmp_path))}})
        audio, _ = noisy_and_muffled(1.0)
        with pytest.raises(ValueError, match=r"^The codec autoencoder adds no noise floor: ask for noise_floor=0\.$"):
            self.resolve(saga, audio, 0.5)
        assert self.resolve(saga, audio, 0.0).shape == audio.shape

    def test_how_a_long_clip_is_cut_does_not_matter(self, monkeypatch):
        model: Any = tiny_model()
        audio = np.concatenate([noisy_and_muffled(10.0)[0], 0.1 * noisy_and_muffled(10.0)[0]], axis=1)
        monkeypatch.setattr(noise_floor, "STRETCH_SECONDS", 5.0)
        whole = self.resolve(model, audio, 1.0)
        monkeypatch.setattr(blocks, "BLOCK_SECONDS", 8.0)
        monkeypatch.setattr(piecewise, "PIECE_SECONDS", 5.0)
        parts = model.stream(from_array(audio), audio.shape[1], Treatment(CUTOFF, False, ""), dials=Dials(0.8, noise_floor=1.0))
        added, difference = (np.square(x).mean() for x in (whole - audio, np.concatenate(list(parts), axis=1) - whole))
        assert difference < 1e-8 * added

    def test_the_floors_are_saved_with_the_model(self, tmp_path):
        model = tiny_model()
        model.floor_predictor.fit([FALLING, RISING])
        model.save_pretrained(tmp_path, half=True)
        again = SagaSR.from_pretrained(tmp_path)
        for name, value in vars(model.floor_predictor).items():
            assert np.array_equal(vars(again.floor_predictor)[name], value), name
