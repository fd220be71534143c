"""Metrics beside their formulas written out, librosa, torchmetrics and closed forms."""

from functools import partial

import librosa
import numpy as np
import pytest
import scipy.linalg
import torch
from speechmos import dnsmos
from torch_log_wmse import LogWMSE

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio import metrics as m
from saga_kedro.audio.resample import resample
from saga_kedro.corpora.synthesis.speech import speech

N = 30_000
PERCEPTUAL = (m.visqol, m.two_f, m.dnsmos, m.log_wmse)


def noise(seed, channels=2, samples=N):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    return noise(0)


@pytest.fixture(scope="module")
def estimate(reference):
    return reference + 0.3 * noise(1)


def log_ratio(reference, estimate):
    s, s_hat = (np.abs(librosa.stft(audio, n_fft=2_048, hop_length=441)).T for audio in (reference, estimate))
    return np.log10(s**2 / (s_hat + 1e-12) ** 2 + 1e-12)


def test_lsd_is_its_formula_on_the_mono_mix(reference, estimate):
    difference = log_ratio(reference.mean(axis=0), estimate.mean(axis=0))
    assert m.lsd(reference, estimate) == pytest.approx(np.sqrt((difference**2).mean(axis=1)).mean(), abs=1e-4)
    assert m.lsd(reference, reference) == pytest.approx(0, abs=1e-6)
    assert m.lsd(reference, reference / 10) == pytest.approx(2, abs=1e-3)


def test_a_louder_copy_scores_as_the_copy_does_once_it_is_scaled(reference, estimate):
    assert m.gain_db(reference, 2 * reference) == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert m.lsd_scaled(reference, 2 * reference) == pytest.approx(0, abs=1e-4)
    assert m.lsd_scaled(reference, 2 * estimate) == pytest.approx(m.lsd_scaled(reference, estimate), abs=1e-4)
    assert np.isnan(m.lsd_scaled(reference, np.zeros_like(reference)))


def test_a_frame_of_digital_silence_scores_12_even_where_it_is_met():
    silence = np.zeros((1, 10 * 441), np.float32)
    assert m.lsd(silence, silence) == pytest.approx(12)
    assert np.isnan(m.lsd_family(silence, silence, 4_000)["LSD_sounding"])


def test_sounding_frames_leave_digital_silence_out():
    sound = noise(2, channels=1)
    reference = np.pad(sound, ((0, 0), (0, N)))
    estimate = reference / 10
    assert m.lsd(reference, estimate) > 4
    assert m.lsd_family(reference, estimate, 4_000)["LSD_sounding"] == pytest.approx(2, abs=0.01)


def test_bands_make_up_the_whole(reference):
    rng = np.random.default_rng(3)
    estimate = reference + 0.05 * rng.standard_normal(reference.shape).cumsum(axis=-1).astype(np.float32)
    difference = log_ratio(reference.mean(axis=0), estimate.mean(axis=0))
    first = int(np.ceil(4_000 * 2_048 / SAMPLE_RATE))
    below, above = (np.sqrt((band**2).mean(axis=1)).mean() for band in (difference[:, :first], difference[:, first:]))
    found, all_above = (m.lsd_family(reference, estimate, cutoff_hz) for cutoff_hz in (4_000, 0))
    assert found["LSD"] == m.lsd(reference, estimate)
    assert found["LSD_below"] == pytest.approx(below, abs=1e-4)
    assert found["LSD_above"] == pytest.approx(above, abs=1e-4)
    assert all_above["LSD_above"] == pytest.approx(found["LSD_sounding"])
    assert np.isnan(all_above["LSD_below"])


def test_the_curve_over_frequency(reference, estimate):
    frequencies, curve = m.lsd_by_frequency(reference, estimate)
    assert frequencies[[0, -1]].tolist() == [0, SAMPLE_RATE / 2]
    difference = log_ratio(reference.mean(axis=0), estimate.mean(axis=0))
    assert curve == pytest.approx(np.sqrt((difference**2).mean(axis=0)), abs=1e-4)
    assert np.isnan(m.lsd_by_frequency(0 * reference, estimate)[1]).all()


def test_si_sdr_and_snr_are_their_formulas(reference, estimate):
    def si_sdr(s, guess):
        a = guess @ s / (s @ s)
        return 10 * np.log10(np.sum((a * s) ** 2) / np.sum((a * s - guess) ** 2))

    def snr(s, guess):
        return 10 * np.log10(np.sum(s**2) / np.sum((s - guess) ** 2))

    pairs = [(s.astype(float), guess.astype(float)) for s, guess in zip(reference, 3 * estimate, strict=True)]
    assert m.si_sdr(reference, 3 * estimate) == pytest.approx(np.mean([si_sdr(*pair) for pair in pairs]), abs=1e-6)
    assert m.snr(reference, 3 * estimate) == pytest.approx(np.mean([snr(*pair) for pair in pairs]), abs=1e-6)


def test_sdr_is_bss_evals_projection_on_512_delays(reference, estimate):
    s, guess = reference[0, :4_000].astype(float), estimate[0, :4_000].astype(float)
    # the projection on s delayed by 0 to 511 samples, by least squares
    delayed = scipy.linalg.toeplitz(np.pad(s, (0, 511)), np.r_[s[0], np.zeros(511)])
    padded = np.pad(guess, (0, 511))
    target = delayed @ np.linalg.lstsq(delayed, padded, rcond=None)[0]
    expected = 10 * np.log10(np.sum(target**2) / np.sum((padded - target) ** 2))
    assert m.sdr(reference[:1, :4_000], estimate[:1, :4_000]) == pytest.approx(expected, abs=1e-3)
    assert m.sdr(reference, reference) > 100


@pytest.mark.parametrize("metric", [m.si_sdr, m.snr, m.sdr, *PERCEPTUAL])
def test_a_silent_reference_gives_a_missing_value(metric, reference):
    assert np.isnan(metric(np.zeros_like(reference), reference))


@pytest.mark.parametrize("metric", [m.lsd, m.si_sdr, m.snr, m.sdr, *PERCEPTUAL])
def test_an_estimate_that_is_not_finite_gives_a_missing_value(metric, reference, estimate):
    broken = estimate.copy()
    broken[0, 100] = np.nan
    assert np.isnan(metric(reference, broken))


@pytest.mark.parametrize("metric", [m.si_sdr, m.snr, m.sdr])
def test_a_silent_channel_does_not_count(metric, reference, estimate):
    left = reference.copy()
    left[1] = 0
    assert metric(left, estimate) == pytest.approx(metric(reference[:1], estimate[:1]))


@pytest.fixture(scope="module")
def voice():
    sound = speech(np.random.default_rng(0), np.random.default_rng(1), 3 * SAMPLE_RATE)[:1].astype(np.float32)
    return sound / np.abs(sound).max() / 2


@pytest.mark.parametrize(
    ("metric", "least", "best"),
    [(m.visqol, 1, 4.73), (partial(m.visqol, mode="speech"), 1, 5), (m.two_f, 0, 100), (m.log_wmse, -20, 73.68)],
)
def test_scores_order_what_people_order(metric, least, best, voice):
    hiss = noise(4, channels=1, samples=voice.shape[1])
    same, soft, loud = (metric(voice, voice + level * hiss) for level in (0, 0.02, 1))
    assert same == pytest.approx(best, abs=0.01)
    assert least <= loud < soft < same


def test_visqol_has_two_modes(voice):
    with pytest.raises(ValueError, match="modes audio and speech"):
        m.visqol(voice, voice, mode="music")  # type: ignore[arg-type]


def test_scores_are_those_of_their_packages(voice):
    noisy = voice + 0.3 * noise(4, channels=1, samples=voice.shape[1])
    two_f, opinion = m.two_f(voice, noisy), m.dnsmos(voice, noisy)
    from seabass.core.models.mms import estimated_mean_mushra_score  # as imported there: not compiled

    assert two_f == estimated_mean_mushra_score(
        *(resample(audio, SAMPLE_RATE, 48_000).astype(float) for audio in (noisy, voice))
    )
    assert (
        opinion
        == dnsmos.run(resample(noisy, SAMPLE_RATE, 16_000)[0].astype(float), 16_000)["ovrl_mos"]
        < m.dnsmos(voice, voice)
    )
    target, guess = (torch.from_numpy(audio)[None] for audio in (voice, noisy))
    expected = LogWMSE(sample_rate=SAMPLE_RATE)(target, guess[:, :, None], target[:, :, None])
    assert m.log_wmse(voice, noisy) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("metric", [m.lsd, m.si_sdr, m.snr, m.sdr, *PERCEPTUAL])
def test_pairs_of_other_shapes_are_refused(metric, reference):
    for other in (reference[:, 1:], reference[:1], reference[0]):
        with pytest.raises(ValueError, match="same"):
            metric(reference, other)
    with pytest.raises(ValueError, match="not empty"):
        metric(reference[:, :0], reference[:, :0])
