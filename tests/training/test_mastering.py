"""What mastering does to a mix: its balance, its dynamics, its peaks."""

import numpy as np
import pytest
from scipy import signal

from saga_kedro.draws import rng
from saga_kedro.training.mastering import balanced, compressed, mastered
from saga_kedro.training.variation import coloured_noise


def slope_db(audio):
    """Of a spectrum, in dB an octave between 125 Hz and 8 kHz."""
    hertz, density = signal.welch(audio[0], 44_100, nperseg=8192)
    heard = (hertz > 125) & (hertz < 8_000)
    return np.polyfit(np.log2(hertz[heard]), 10 * np.log10(density[heard]), 1, w=hertz[heard] ** -0.5)[0]


def levels_db(audio):
    """Of its first and its second half."""
    return [10 * np.log10(np.mean(half**2)) for half in np.array_split(audio, 2, axis=1)]


@pytest.mark.parametrize("own", [-10.0, -5.0, 0.0])
def test_the_balance_goes_to_the_line_that_is_asked_for_or_part_of_the_way(own):
    mix = coloured_noise(2, 2**17, own, rng(0))
    assert slope_db(balanced(mix, -5.0, 1.0)) == pytest.approx(-5, abs=0.4)
    assert slope_db(balanced(mix, -5.0, 0.5)) == pytest.approx((own - 5) / 2, abs=0.4)
    assert slope_db(balanced(mix, -5.0, 0.0)) == pytest.approx(own, abs=0.4)


def test_what_an_encoder_left_empty_is_raised_by_24_db_at_most():
    mix = signal.sosfilt(signal.cheby1(8, 1, 4_000, fs=44_100, output="sos"), coloured_noise(1, 2**17, -5.0, rng(0)))
    raised = balanced(mix, -2.5, 1.0)
    hertz, (before, after) = signal.welch(np.vstack([mix, raised]), 44_100, nperseg=4096)
    empty = hertz > 12_000
    assert 10 * np.log10(after[empty].mean() / before[empty].mean()) == pytest.approx(24, abs=0.5)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0])
def test_a_compressor_divides_differences_of_loudness_by_its_ratio(ratio):
    mix = coloured_noise(2, 2**17, 0.0, rng(0)) * np.where(np.arange(2**17) < 2**16, 0.1, 0.3)
    before, after = (np.diff(levels_db(audio))[0] for audio in (mix, compressed(mix, ratio)))
    assert after == pytest.approx(before / ratio, abs=0.3)


def test_a_master_is_loud_stays_within_full_scale_and_follows_from_its_draw():
    mix = coloured_noise(2, 2**17, -8.0, rng(0)) / 100
    masters = [mastered(mix, rng(draw)) for draw in range(20)]
    loudness_db = [10 * np.log10(np.mean(master**2)) for master in masters]
    assert -21 < min(loudness_db) < -16
    assert -12 < max(loudness_db) < -7.5
    assert max(np.abs(master).max() for master in masters) <= 1
    assert np.array_equal(mastered(mix, rng(3)), masters[3])
