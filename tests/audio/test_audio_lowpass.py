"""The degradation is the one of the authors' code."""

import numpy as np
import pytest
from scipy import signal

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import KINDS, LowPass, draw_low_pass, low_pass
from saga_kedro.draws import rng

DESIGN = {
    "chebyshev": lambda order, cutoff, rate: signal.cheby1(order, 0.1, cutoff, fs=rate, output="sos"),
    "butterworth": lambda order, cutoff, rate: signal.butter(order, cutoff, fs=rate, output="sos"),
    "bessel": lambda order, cutoff, rate: signal.bessel(order, cutoff, fs=rate, output="sos"),
    "elliptic": lambda order, cutoff, rate: signal.ellip(order, 0.1, 60, cutoff, fs=rate, output="sos"),
}


@pytest.fixture(scope="module")
def noise():
    return (0.1 * np.random.default_rng(0).standard_normal((1, 10 * SAMPLE_RATE))).astype(np.float32)


def test_the_response_is_the_one_measured_on_the_authors_code(noise):
    filtered = low_pass(noise, SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    (hertz, before), (_, after) = (signal.welch(clip[0], SAMPLE_RATE, nperseg=2_048) for clip in (noise, filtered))
    lost = np.interp([2_000, 3_400, 4_000, 4_400, 4_800, 6_000], hertz, 10 * np.log10(after / before))
    assert lost == pytest.approx([0, 0, -10, -23, -56, -70], abs=0.8)


def by_scipy(clip, rate, low):
    filtered = signal.sosfiltfilt(DESIGN[low.kind](low.order, low.cutoff_hz, rate), clip.astype(np.float64))
    fewer = signal.resample_poly(filtered, 2 * low.cutoff_hz, rate, axis=-1)
    return signal.resample_poly(fewer, rate, 2 * low.cutoff_hz, axis=-1)[:, : clip.shape[-1]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1, 2, 5, 8, 10])
@pytest.mark.parametrize(
    ("rate", "cutoff"),
    [*[(SAMPLE_RATE, cutoff) for cutoff in (2_000, 4_000, 4_001, 11_025, 15_999)], (48_000, 8_000), (22_050, 4_000)],
)
def test_each_kind_is_scipys_filter_forward_and_backward_then_resampled(noise, kind, order, rate, cutoff):
    clip = np.stack([noise[0, :20_001], 0.1 * np.cumsum(noise[0, 20_001:40_002])]).astype(np.float32)
    low = LowPass(kind, order, cutoff)
    ends = 4_096 if (kind, order) == ("elliptic", 10) else 2_048
    ours, theirs = (lowered(clip, rate, low)[:, ends:-ends].astype(np.float64) for lowered in (low_pass, by_scipy))
    assert (np.square(ours - theirs).mean(axis=1) < 1e-9 * np.square(theirs).mean(axis=1)).all()


def test_a_segment_of_a_recording_is_as_good_at_its_ends_as_scipys(noise):
    recording = np.cumsum(noise - np.mean(noise), axis=-1)
    recording = signal.sosfilt(signal.butter(1, 100, "high", fs=SAMPLE_RATE, output="sos"), recording).astype(np.float32)
    low = LowPass("chebyshev", 8, 4_000)
    whole = by_scipy(recording, SAMPLE_RATE, low)
    ours: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    for start in range(20_000, 400_000, 40_000):
        cut = slice(start, start + 9_000)
        for lowered, wrong in ((low_pass, ours), (by_scipy, theirs)):
            wrong.append((lowered(recording[:, cut], SAMPLE_RATE, low) - whole[:, cut])[0, [*range(200), *range(-200, 0)]])
    assert np.square(ours).mean() < np.square(theirs).mean()


def test_silence_after_a_sound_is_silent_but_for_rounding(noise):
    clip = np.zeros((1, 131_072), np.float32)
    clip[:, :20_000] = noise[:, :20_000]
    for kind in KINDS:
        assert np.abs(low_pass(clip, SAMPLE_RATE, LowPass(kind, 8, 4_001))[:, 24_000:-2_048]).max() < 1e-8


def test_mono_on_two_channels_stays_so_and_is_what_each_channel_is_by_itself(noise):
    low = LowPass("chebyshev", 8, 4_001)
    filtered = low_pass(np.stack([noise[0, :9_999]] * 2), SAMPLE_RATE, low)
    assert np.array_equal(filtered, np.stack([low_pass(noise[:1, :9_999], SAMPLE_RATE, low)[0]] * 2))


@pytest.mark.parametrize("samples", [0, 1, 10, 1_000])
def test_short_clips_keep_their_length_and_their_level(samples):
    clip = np.ones((2, samples), np.float32)
    filtered = low_pass(clip, SAMPLE_RATE, LowPass("elliptic", 5, 2_000))
    assert filtered.shape == clip.shape
    assert filtered == pytest.approx(clip, abs=1e-3)


def test_impossible_filters_are_refused():
    with pytest.raises(ValueError, match="the kinds are chebyshev, butterworth, bessel, elliptic"):
        LowPass("cheby3", 4, 4_000)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="order of 1 to 10"):
        LowPass("bessel", 11, 4_000)
    with pytest.raises(ValueError, match="whole number of Hz"):
        LowPass("bessel", 4, 4_000.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not below half the rate"):
        low_pass(np.ones((1, 100), np.float32), SAMPLE_RATE, LowPass("bessel", 4, 22_050))


def test_draws_cover_what_the_paper_names_and_repeat():
    drawn = [draw_low_pass(rng(0, "low_pass", k), own_bandwidth_hz=20_000) for k in range(2_000)]
    assert {low.kind for low in drawn} == set(KINDS)
    assert {low.order for low in drawn} == set(range(2, 11))
    cutoffs = np.array([low.cutoff_hz for low in drawn])
    assert cutoffs.min() >= 2_000
    assert cutoffs.max() <= 16_000
    assert np.median(cutoffs) == pytest.approx(9_000, rel=0.05)
    assert drawn[7] == draw_low_pass(rng(0, "low_pass", 7), own_bandwidth_hz=20_000)


def test_log_uniform_cutoffs_fall_into_every_octave_as_often():
    drawn = [draw_low_pass(rng(0, "low_pass", k), own_bandwidth_hz=20_000, spread="log_uniform") for k in range(2_000)]
    octaves = np.floor(np.log2(np.array([low.cutoff_hz for low in drawn]) / 2_000)).clip(max=2)
    assert np.bincount(octaves.astype(int)) / 2_000 == pytest.approx([1 / 3] * 3, abs=0.03)
    evenly = [draw_low_pass(rng(0, "low_pass", k), own_bandwidth_hz=20_000) for k in range(2_000)]
    assert [(low.kind, low.order) for low in drawn] == [(low.kind, low.order) for low in evenly]


def test_a_dull_clip_still_loses_something():
    for bandwidth, most in [(8_000, 7_520), (1_000, 2_000)]:
        cutoffs = [draw_low_pass(rng(k), own_bandwidth_hz=bandwidth).cutoff_hz for k in range(200)]
        assert max(cutoffs) == most
