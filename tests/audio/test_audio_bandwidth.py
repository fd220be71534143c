"""Own bandwidth and the cutoff of a low-pass, on sounds whose answer is known."""

import numpy as np
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import measure_cutoff, own_bandwidth
from saga_kedro.audio.lowpass import LowPass, low_pass

SECONDS = 3
N = SECONDS * SAMPLE_RATE


def white():
    return 0.1 * np.random.default_rng(0).standard_normal((2, N))


def speech_like():
    """Glottal pulses that fall by 12 dB an octave, in bursts of four a second with pauses, and hiss of fricatives between."""
    random = np.random.default_rng(1)
    seconds = np.arange(N) / SAMPLE_RATE
    phase = np.cumsum(120 + 20 * np.sin(2 * np.pi * 1.3 * seconds)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * k * phase) / k**2 for k in range(1, 150))
    hiss = np.diff(random.standard_normal(N), prepend=0)
    syllable = np.clip(np.sin(2 * np.pi * 2 * seconds), 0, None)
    return (0.2 * voice * syllable + 0.02 * hiss * np.clip(-np.sin(2 * np.pi * 2 * seconds) - 0.5, 0, None))[None]


SOUNDS = {"white": white, "speech_like": speech_like}


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("cutoff", [4_000, 8_000])
@pytest.mark.parametrize("kind", ["chebyshev", "butterworth", "elliptic"])
def test_the_cutoff_of_a_low_pass_is_found(sound, cutoff, kind):
    clip = low_pass(SOUNDS[sound](), SAMPLE_RATE, LowPass(kind, 8, cutoff))
    assert measure_cutoff(clip, SAMPLE_RATE) == pytest.approx(cutoff, rel=0.06)


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("cutoff", [4_000, 8_000])
def test_it_is_found_in_quiet_16_bit_material_too(sound, cutoff):
    clip = low_pass(SOUNDS[sound](), SAMPLE_RATE, LowPass("chebyshev", 8, cutoff))
    quiet = np.round(clip / np.abs(clip).max() * 10 ** (-30 / 20) * 32_768) / 32_768
    assert measure_cutoff(quiet.astype(np.float32), SAMPLE_RATE) == pytest.approx(cutoff, rel=0.06)


@pytest.mark.parametrize("sound", SOUNDS)
def test_full_band_sounds_have_no_cutoff(sound):
    assert measure_cutoff(SOUNDS[sound](), SAMPLE_RATE) == SAMPLE_RATE / 2


def test_digital_silence_around_a_sound_changes_nothing():
    clip = low_pass(white()[:, :SAMPLE_RATE], SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    padded = np.pad(clip, ((0, 0), (0, 60 * SAMPLE_RATE)))
    assert measure_cutoff(padded, SAMPLE_RATE) == pytest.approx(4_000, rel=0.06)
    assert own_bandwidth(padded, SAMPLE_RATE) == pytest.approx(own_bandwidth(clip, SAMPLE_RATE), rel=0.05)


def test_own_bandwidth_is_the_highest_bin_within_80_db():
    seconds = np.arange(N) / SAMPLE_RATE
    # the centres of bins 100, 600 and 900
    tones = [np.sin(2 * np.pi * k * SAMPLE_RATE / 2_048 * seconds) for k in (100, 600, 900)]
    clip = 0.5 * tones[0] + 0.5 * 10 ** (-70 / 20) * tones[1] + 0.5 * 10 ** (-95 / 20) * tones[2]
    assert own_bandwidth(clip[None], SAMPLE_RATE) == pytest.approx(600 * SAMPLE_RATE / 2_048, abs=2 * SAMPLE_RATE / 2_048)
    assert own_bandwidth(white(), SAMPLE_RATE) == SAMPLE_RATE / 2


def test_own_bandwidth_looks_at_every_channel():
    clip = white()
    clip[1] = -clip[0]
    assert own_bandwidth(clip, SAMPLE_RATE) == SAMPLE_RATE / 2


@pytest.mark.parametrize("measure", [own_bandwidth, measure_cutoff])
@pytest.mark.parametrize("samples", [0, 1, 5_000])
def test_silence_has_none(measure, samples):
    assert measure(np.zeros((2, samples), np.float32), SAMPLE_RATE) == 0


@pytest.mark.parametrize("measure", [own_bandwidth, measure_cutoff])
def test_clips_shorter_than_a_window_are_measured(measure):
    assert 0 < measure(white()[:, :500], SAMPLE_RATE) <= SAMPLE_RATE / 2
