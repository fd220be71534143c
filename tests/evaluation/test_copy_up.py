"""The spectral-copy baseline: the input's band is kept, the band above repeats it, lower by the slope."""

import numpy as np
import pytest

from saga_kedro.audio.metrics import lsd
from saga_kedro.evaluation.copy_up import copy_up

RATE = 44_100


def tone(frequency, seconds=1.0, level=0.2):
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE))[None].astype(np.float32)


def level_db(audio, frequency):
    """Level of a sine at ``frequency`` in dB, 0 at full scale."""
    time = np.arange(audio.shape[1]) / RATE
    window = np.hanning(audio.shape[1])
    return 20 * np.log10(abs((audio[0] * window * np.exp(-2j * np.pi * frequency * time)).sum()) * 2 / window.sum())


def test_a_tone_in_the_copied_band_appears_above_coherent_and_lower_by_6_db_an_octave_and_one_below_it_is_kept():
    low, inner = tone(1000), slice(2048, -2048)  # where a tone begins and ends it is no tone
    np.testing.assert_allclose(copy_up(low, 4000)[:, inner], low[:, inner], atol=2e-5)
    low = tone(3000)
    out = copy_up(low, 4000)
    edge = int(0.96 * 4000 * 2048 / RATE)
    shift = edge // 2 // 4 * 4 * RATE / 2048
    asked = -6 * np.log2((3000 + shift) / 3000)
    assert level_db(out, 3000 + shift) - level_db(low, 3000) == pytest.approx(asked, abs=0.3)
    assert level_db(out, 3000) == pytest.approx(level_db(low, 3000), abs=0.05)


def test_shape_type_channels_and_silence_are_kept():
    low = np.concatenate([tone(2500), np.zeros((1, RATE), np.float32)])
    out = copy_up(low, 4000)
    assert (out.shape, out.dtype) == (low.shape, np.float32)
    assert not out[1].any()
    half_silent = np.pad(tone(2500, 0.5), ((0, 0), (0, RATE)))
    assert not copy_up(half_silent, 4000)[:, RATE // 2 + 2048 :].any()


def test_it_beats_the_untouched_input_on_falling_noise():
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(2 * RATE)) / np.maximum(1, np.fft.rfftfreq(2 * RATE, 1 / RATE))
    frequencies = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    reference = np.fft.irfft(spectrum)[None].astype(np.float32)
    low = np.fft.irfft(np.where(frequencies < 4000, spectrum, 0))[None].astype(np.float32)
    assert lsd(reference, copy_up(low, 4000)) < 0.4 * lsd(reference, low)


@pytest.mark.parametrize(("cutoff", "reason"), [(0, "between 0 and"), (22_050, "between 0 and"), (100, "no band to copy")])
def test_a_cutoff_without_band_is_refused(cutoff, reason):
    with pytest.raises(ValueError, match=reason):
        copy_up(tone(1000), cutoff)
