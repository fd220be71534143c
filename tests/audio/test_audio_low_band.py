"""Low-frequency replacement: the input's band is kept, the generated one meets it."""

import librosa
import numpy as np
import pytest
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.low_band import RULES, replace_low_band
from saga_kedro.audio.lowpass import KINDS, LowPass, low_pass
from saga_kedro.draws import rng

N = 160_000


@pytest.fixture(scope="module")
def full():
    return torch.from_numpy((0.1 * rng(0, "full").standard_normal((2, N))).astype(np.float32))


@pytest.fixture(scope="module")
def low(full):
    return torch.from_numpy(low_pass(full.numpy(), SAMPLE_RATE, LowPass("chebyshev", 8, 4_000)))


@pytest.fixture(scope="module")
def generated():
    return torch.from_numpy((0.1 * rng(0, "generated").standard_normal((2, N))).astype(np.float32))


def spectrum(audio):
    return torch.stft(audio, 2_048, 512, window=torch.hann_window(2_048), return_complex=True)[..., 4:-4]


def level(audio, first, last):
    return float(spectrum(audio)[:, first:last].abs().mean())


@pytest.mark.parametrize("rule", RULES)
def test_where_both_agree_nothing_changes(low, rule):
    assert torch.allclose(replace_low_band(low, low, 4_000, rule), low, atol=1e-6)


def test_the_inputs_band_is_kept_and_the_rest_is_generated(generated, low):
    made = generated * level(low, 100, 150) / level(generated, 100, 150)
    out = replace_low_band(made, low, 4_000)
    assert torch.allclose(spectrum(out)[:, :180], spectrum(low)[:, :180], atol=1e-2)
    assert (spectrum(out) - spectrum(made))[:, 192:].abs().mean() < 0.03 * level(made, 192, 1_025)


@pytest.mark.parametrize(("loudness", "gain"), [(1.1, 1 / 1.1), (0.9, 1 / 0.9), (10.0, 0.8), (0.1, 1.2)])
def test_only_the_generated_band_is_scaled_and_only_by_a_fifth(full, low, loudness, gain):
    out = replace_low_band(loudness * full, low, 4_000)
    assert level(out, 0, 180) == pytest.approx(level(low, 0, 180), rel=1e-3)
    assert level(out, 200, 900) == pytest.approx(gain * loudness * level(full, 200, 900), rel=0.025)


def test_the_authors_rule_is_their_arithmetic(generated, low):
    expected = []
    for made, given in zip(generated.numpy(), low.numpy(), strict=True):
        theirs, mine = librosa.stft(given), librosa.stft(made)
        total = np.abs(theirs).sum(axis=-1).cumsum()
        edge = max(k for k in range(1_025) if total[k] < 0.985 * total[-1])
        ratio = min(max(np.abs(theirs[edge]).sum() / np.abs(mine[edge]).sum(), 0.8), 1.2)
        mine[:edge] = theirs[:edge] / ratio
        expected.append(librosa.istft(mine, length=N))
    assert replace_low_band(generated, low, 4_000, "authors").numpy() == pytest.approx(np.stack(expected), abs=1e-5)


def test_the_cross_fade_is_gradual_and_ends_at_the_cutoff(generated, low):
    silence = torch.zeros_like(low)
    share = [
        level(replace_low_band(silence, generated, 4_000, "cross_fade"), k, k + 1) / level(generated, k, k + 1)
        for k in range(195)
    ]
    assert share[:168] == pytest.approx([1] * 168, abs=0.02)
    assert share[177] == pytest.approx(0.5, abs=0.1)
    assert max(share[188:]) < 0.02


def band(audio, first, last):
    """A band of some bins of 2,048, cut out of the whole clip."""
    bins = torch.fft.rfft(audio.double())
    hertz = torch.arange(bins.shape[-1]) * 2_048 / audio.shape[-1]
    return torch.fft.irfft(bins * ((hertz >= first) & (hertz < last)), audio.shape[-1])


def powers_db(audio, reference):
    """Power of each bin, relative to that of a reference."""
    have, want = (spectrum(one).abs().square().mean(dim=(0, 2)) for one in (audio, reference))
    return 10 * torch.log10(have / want)


@pytest.mark.parametrize("cutoff_hz", [4_000, 8_000])
@pytest.mark.parametrize("kind", KINDS)
class TestSeamless:
    """What the slope of a low-pass took below the cutoff is filled up with generated audio, here of the right level."""

    @pytest.fixture
    def edge(self, cutoff_hz):
        return round(cutoff_hz * 2_048 / SAMPLE_RATE)

    @pytest.fixture
    def low(self, full, kind, cutoff_hz):
        return torch.from_numpy(low_pass(full.numpy(), SAMPLE_RATE, LowPass(kind, 8, cutoff_hz)))

    def test_below_nine_tenths_of_the_cutoff_the_result_is_the_input(self, generated, low, cutoff_hz, edge):
        out, given = (
            band(audio, 0, 0.9 * edge - 1) for audio in (replace_low_band(generated, low, cutoff_hz, "seamless"), low)
        )
        scale = (out * given).sum() / given.square().sum()
        si_sdr = 10 * torch.log10((scale * given).square().sum() / (out - scale * given).square().sum())
        assert si_sdr > 40
        assert scale == pytest.approx(1, abs=1e-3)

    def test_between_there_and_the_cutoff_it_has_the_level_of_the_reference(self, full, generated, low, cutoff_hz, edge, kind):
        levels = powers_db(replace_low_band(generated, low, cutoff_hz, "seamless"), full)[:edge]
        filled = levels[int(np.ceil(0.9 * edge)) + (kind == "bessel") :]
        assert levels.max() < 2
        assert filled.abs().max() < 2
        assert filled.mean().abs() < 1

    def test_no_step_is_left_but_that_of_a_bessel_filter_which_is_less_by_a_third(
        self, full, generated, low, cutoff_hz, edge, kind
    ):
        """A Bessel filter of order 8 has taken 16 dB at 0.85 x cutoff already, where the input is kept."""

        def step(rule):
            levels = powers_db(replace_low_band(generated, low, cutoff_hz, rule), full)[int(0.8 * edge) : edge + 8]
            return max(levels[k + 6 : k + 12].mean() - levels[k : k + 6].mean() for k in range(len(levels) - 12))

        assert step("seamless") < (0.7 * step("input_cutoff") if kind == "bessel" else 2)

    def test_above_the_cutoff_it_is_as_with_input_cutoff(self, generated, low, cutoff_hz, edge):
        ours, theirs = (replace_low_band(generated, low, cutoff_hz, rule) for rule in ("seamless", "input_cutoff"))
        difference = band(ours - theirs, edge + 3, 1_025).square().mean()
        assert difference < 1e-4 * band(theirs, edge + 3, 1_025).square().mean()


def test_seamless_adds_nothing_where_the_input_lacks_nothing_or_nothing_is_generated(full, low):
    quiet = 0.01 * full
    for generated in (torch.zeros_like(low), quiet):
        given = low if not generated.any() else full
        ours, theirs = (replace_low_band(generated, given, 4_000, rule) for rule in ("seamless", "input_cutoff"))
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_identical_channels_stay_identical_and_silence_and_short_clips_finite(generated, low, rule):
    left, right = replace_low_band(generated[:1].repeat(2, 1), low[:1].repeat(2, 1), 4_000, rule)
    assert torch.equal(left, right)
    silence = torch.zeros(2, N)
    assert not replace_low_band(silence, silence, 4_000, rule).any()
    assert replace_low_band(generated, silence, 4_000, rule).isfinite().all()
    assert replace_low_band(silence, generated, 4_000, rule).isfinite().all()
    for samples in (0, 1, 300):
        assert replace_low_band(generated[:, :samples], generated[:, :samples], 4_000, rule).shape == (2, samples)


def test_mistakes_are_named(generated, low):
    with pytest.raises(ValueError, match="the rules are input_cutoff, seamless, authors, cross_fade"):
        replace_low_band(generated, low, 4_000, "fft_mask")
    with pytest.raises(ValueError, match="same shape"):
        replace_low_band(generated[:, 1:], low, 4_000)
