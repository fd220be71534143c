"""Change of rate where soxr is not: in a browser."""

import sys

import numpy as np
import pytest

from saga_kedro.audio.resample import polyphase, resample
from saga_kedro.draws import rng

RATES = [(8_000, 44_100), (22_050, 44_100), (48_000, 44_100), (96_000, 44_100), (44_100, 48_000)]


def noise(rate, reach):
    """White noise up to a part of the Nyquist frequency, two channels."""
    spectrum = np.fft.rfft(rng(0, "resample", rate).standard_normal((2, rate + 7)))
    spectrum[:, int(reach * spectrum.shape[1]) :] = 0
    return (0.3 * np.fft.irfft(spectrum, rate + 7)).astype(np.float32)


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_what_both_rates_hold_is_as_soxr_gives_it(rate_in, rate_out):
    audio = noise(rate_in, 0.88 * min(1.0, rate_out / rate_in))
    ours, theirs = polyphase(audio, rate_in, rate_out), resample(audio, rate_in, rate_out)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    inside = slice(3_000, -3_000)
    error = np.abs(ours[:, inside] - theirs[:, inside]).max() / np.abs(theirs).max()
    assert 20 * np.log10(error) < -75


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_nothing_lies_above_the_lower_half_rate(rate_in, rate_out):
    resampled = polyphase(noise(rate_in, 1.0), rate_in, rate_out)[0]
    power = np.abs(np.fft.rfft(resampled * np.hanning(len(resampled)))) ** 2
    bins = np.arange(len(power)) * rate_out / len(resampled)
    above = power[bins > 1.01 * min(rate_in, rate_out) / 2]
    assert not len(above) or 10 * np.log10(above.mean() / power[bins < 1_000].mean()) < -110


def test_it_stands_in_where_soxr_is_not_installed(monkeypatch):
    audio = noise(16_000, 0.8)
    monkeypatch.setitem(sys.modules, "soxr", None)
    np.testing.assert_array_equal(resample(audio, 16_000, 44_100), polyphase(audio, 16_000, 44_100))
    assert polyphase(audio[:, :1], 16_000, 44_100).shape == (2, 3)
