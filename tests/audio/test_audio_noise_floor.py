"""The stationary noise under a recording: found where there is one, measured, taken away; and nothing where there is none."""

import numpy as np
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.noise_floor import HIGHEST, HOP, LOWEST, N_FFT, measure_floor, without_floor
from saga_kedro.draws import rng
from saga_kedro.training.variation import coloured_noise
from sounds import bursts_over_noise

SECONDS = 6


def time(seconds=SECONDS):
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def notes():
    """Two plucked notes a second, with partials up to 14 kHz."""
    partials = sum(np.sin(2 * np.pi * hertz * time()) for hertz in (220, 440, 1320, 2640, 3520, 5280, 7920, 14_080))
    return 0.05 * partials * np.exp(-24 * (time() % 0.5))


def chord():
    """Three tones that swell and fade, and never end."""
    partials = sum(np.sin(2 * np.pi * hertz * k * time()) for hertz in (220, 277, 330) for k in range(1, 40))
    return 0.02 * partials * (0.001 + np.abs(np.sin(2 * np.pi * 0.4 * time())))


def spectrum(noise):
    """Power of each bin of noise alone, in dB."""
    frames = np.lib.stride_tricks.sliding_window_view(noise, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1]
    return 10 * np.log10((np.abs(np.fft.rfft(frames * window)) ** 2).mean(axis=0) / np.square(window).sum())


def deviation_db(floor, noise, cutoff_hz):
    """How far a floor lies from the spectrum of the noise, thirds of the part that was looked at, in dB."""
    first, last = (round(share * cutoff_hz * N_FFT / SAMPLE_RATE) for share in (LOWEST, HIGHEST))
    thirds = np.array_split((10 * np.log10(floor) - spectrum(noise))[first:last], 3)
    return np.array([third.mean() for third in thirds])


@pytest.mark.parametrize("cutoff_hz", [4_000.0, 8_000.0, 16_000.0])
@pytest.mark.parametrize("slope_db", [0.0, -3.0, -6.0, 3.0])
def test_white_and_coloured_noise_under_notes_is_found_and_its_level_within_a_decibel(slope_db, cutoff_hz):
    noise = 1e-3 * coloured_noise(1, len(time()), slope_db, rng(0, "floor", str(slope_db)))[0]
    floor = measure_floor((notes() + noise).astype(np.float32), cutoff_hz)
    assert floor is not None
    assert floor.shape == (N_FFT // 2 + 1,)
    assert floor.dtype == np.float32
    assert np.abs(deviation_db(floor, noise, cutoff_hz)).max() < 1.2
    assert abs(deviation_db(floor, noise, cutoff_hz).mean()) < 1


def found(audio, cutoff_hz):
    floor = measure_floor(audio, cutoff_hz)
    assert floor is not None
    return floor


@pytest.mark.parametrize("noise_db", [-80.0, -60.0, -45.0])
def test_white_noise_between_bursts_has_its_variance_as_power(noise_db):
    floor = found(bursts_over_noise(noise_db)[0][0], 8_000.0)
    assert 10 * np.log10(floor[40:330].mean()) == pytest.approx(noise_db, abs=1)


def test_nothing_above_the_cutoff_is_needed_to_find_it():
    audio = bursts_over_noise()[0][0]
    bins = np.fft.rfft(audio)
    bins[round(4_000 * len(audio) / SAMPLE_RATE) :] = 0
    floor = found(np.fft.irfft(bins, len(audio)).astype(np.float32), 4_000.0)
    assert 10 * np.log10(floor[70:160].mean()) == pytest.approx(-60, abs=1)


@pytest.mark.parametrize("cutoff_hz", [4_000.0, 8_000.0, 16_000.0])
@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(np.zeros(SECONDS * SAMPLE_RATE), id="silence"),
        pytest.param(notes() * (time() % 1 < 0.5), id="sounds in digital silence"),
        pytest.param(notes(), id="notes that fade"),
        pytest.param(chord(), id="a chord that fades"),
        pytest.param(chord() + 0.3 * chord()[::-1], id="music whose quiet parts are music"),
        pytest.param(0.01 * rng(0).standard_normal(SECONDS * SAMPLE_RATE), id="noise alone, such as rain"),
        pytest.param(np.round(notes() * 2**15) / 2**15, id="the rounding of 16 bits"),
    ],
)
def test_where_there_is_no_noise_floor_none_is_found(audio, cutoff_hz):
    assert measure_floor(audio.astype(np.float32), cutoff_hz) is None


def test_a_clip_too_short_to_tell_has_none():
    audio = bursts_over_noise()[0][0]
    for samples in (0, 1, N_FFT - 1, N_FFT, N_FFT + 22 * HOP):
        assert measure_floor(audio[:samples], 8_000.0) is None


def test_stretches_of_digital_silence_do_not_count():
    audio = bursts_over_noise()[0][0]
    padded = np.concatenate([np.zeros(3 * SAMPLE_RATE, np.float32), audio, np.zeros(5 * SAMPLE_RATE, np.float32)])
    floor = found(padded, 8_000.0)
    assert 10 * np.log10(floor[40:330].mean()) == pytest.approx(-60, abs=1.2)


def db(audio):
    return 10 * np.log10(np.mean(np.square(audio, dtype=float)))


def test_pauses_lose_ten_decibels_and_what_sounds_loses_nothing_that_is_heard():
    audio, sounding = bursts_over_noise()
    clean = without_floor(audio[0], found(audio[0], 8_000.0))
    assert clean.shape == audio[0].shape
    assert clean.dtype == np.float32
    assert db(clean[~sounding]) < db(audio[0, ~sounding]) - 10
    assert db((clean - audio[0])[sounding]) < db(audio[0, sounding]) - 30


def test_no_part_is_lowered_by_more_than_twenty_decibels():
    audio = bursts_over_noise()[0][0]
    lowered = without_floor(audio, np.full(N_FFT // 2 + 1, 1e6, np.float32))
    np.testing.assert_allclose(lowered, 0.1 * audio, atol=1e-6)


@pytest.mark.parametrize("samples", [1, HOP, N_FFT, 30_001])
def test_a_floor_of_nothing_takes_nothing(samples):
    audio = bursts_over_noise()[0][0, :samples]
    np.testing.assert_allclose(without_floor(audio, np.zeros(N_FFT // 2 + 1, np.float32)), audio, atol=1e-6)
