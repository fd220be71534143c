"""Generated audio starts where the input does."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.model.onsets import onset_gain


def noise(seconds):
    return 0.1 * np.random.default_rng(1).standard_normal((1, int(seconds * SAMPLE_RATE))).astype(np.float32)


def test_before_a_click_generated_audio_is_quiet_and_with_it_loud():
    clicks = 1e-4 * noise(3)
    at = SAMPLE_RATE
    clicks[:, at : at + 300] = noise(1)[:, :300] * 5
    gain = onset_gain(low_pass(clicks, SAMPLE_RATE, LowPass("chebyshev", 8, 4_000)), 4_000)[0]
    assert gain.shape == (3 * SAMPLE_RATE,)
    assert gain[at - 1_500 : at - 400].max() < 0.1
    assert gain[at + 50 : at + 250].mean() > 1.5
    np.testing.assert_allclose(gain[2 * SAMPLE_RATE :], 1, atol=0.01)


def test_what_has_no_onset_is_left_alone():
    steady = low_pass(noise(3), SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    np.testing.assert_allclose(onset_gain(steady, 4_000)[:, 4_096:-4_096], 1, atol=1e-3)
    assert (onset_gain(np.zeros((2, 5_000), np.float32), 4_000) == 1).all()
