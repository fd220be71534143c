"""The band-envelope codec: levels in dB of white noise, exact envelopes back, two excitations."""

import numpy as np
import pytest
import torch
from torch import Tensor

from saga_kedro.audio.spectra import magnitude
from saga_kedro.model.codec.band_envelope import SCALE_DB, BandEnvelope, band_edges
from saga_kedro.model.codec.excitation import noise, smooth_noise


def white(level_db: float, samples: int = 65_536, items: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 10 ** (level_db / 20) * torch.randn(items, 2, samples, generator=generator)


def levels(codec: BandEnvelope, audio: Tensor) -> Tensor:
    """dB, [B, 2, bands, T]"""
    latents = codec.encode(audio).mean.unflatten(1, (2, codec.bands))
    return latents * SCALE_DB + torch.from_numpy(codec.centre)[:, None]


def test_bands_cover_every_bin_once_and_widen_above_the_corner():
    edges = band_edges(64, 1025, 44_100, 8000.0)
    assert edges[0] == 0
    assert edges[-1] == 1025
    widths = np.diff(edges)
    assert widths[0] == 8
    assert widths[-1] == 29
    assert (np.diff(band_edges(64, 1025, 44_100, 1e9)) >= 16).all()
    with pytest.raises(ValueError, match="leave bands without a bin"):
        band_edges(256, 1025, 44_100, 200.0)


def test_a_latent_is_the_mean_magnitude_in_decibels_of_white_noise():
    codec = BandEnvelope()
    found = levels(codec, white(-40.0)).mean(-1)
    quieter = codec.encode(white(-60.0)).mean
    torch.testing.assert_close(codec.encode(white(-40.0)).mean - quieter, torch.ones_like(quieter), rtol=0, atol=1e-3)
    expected = -40 - 10 * np.log10(2) + 10 * np.log10(np.pi / 4)  # mid and side halve the power; Rayleigh
    torch.testing.assert_close(found, torch.full_like(found, expected), rtol=0, atol=1.0)
    assert found[:, :, 1:].mean().item() == pytest.approx(expected, abs=0.25)


@pytest.mark.parametrize("hop", [512, 1024])
@pytest.mark.parametrize("excitation", ["noise", "smooth_noise"])
def test_decoded_audio_has_the_levels_that_it_was_decoded_from(hop, excitation):
    codec = BandEnvelope(hop=hop, excitation=excitation)
    hertz = torch.fft.rfftfreq(65_536, 1 / 44_100)
    coloured = torch.fft.irfft(torch.fft.rfft(white(-20.0)) * (1 + hertz / 500) ** -1.5)
    found, wanted = levels(codec, codec.decode(codec.encode(coloured).mean)), levels(codec, coloured)
    inside = slice(2, -2)
    assert (found - wanted)[..., inside].mean(-1).abs().max() < 1.2


def test_what_lies_under_the_floor_of_16_bits_is_taken_to_lie_on_it():
    codec = BandEnvelope()
    assert levels(codec, white(-125.0)).max() == pytest.approx(-100, abs=1e-3)
    assert codec.decode(codec.encode(white(-125.0)).mean).square().mean().sqrt().item() == pytest.approx(10**-5, rel=0.7)


def test_a_stray_band_does_not_break_silence_and_no_latent_breaks_audio():
    codec = BandEnvelope()
    latents = codec.encode(torch.zeros(1, 2, 8_192)).mean
    latents[:, 70] += 3  # a side band 60 dB over silence
    assert not codec.decode(latents).any()
    assert codec.decode(torch.full((1, 128, 8), 1e4)).isfinite().all()


def test_each_seed_gives_its_own_noise_and_mid_and_side_differ():
    codec = BandEnvelope()
    latents = codec.encode(white(-20.0)).mean.repeat(3, 1, 1)
    first, second, third = codec.decode(latents, seeds=[5, 6, 5])
    assert torch.equal(first, third)
    assert not torch.allclose(first, second, atol=1e-3)
    assert torch.corrcoef(first)[0, 1].abs() < 0.1


def test_excitations_have_unit_magnitude_and_smooth_noise_scatters_less():
    window = torch.hann_window(2048)
    plain, smooth = noise([1], window, 512, 32_768), smooth_noise([1], window, 512, 32_768)
    scatter = []
    for spectra in (plain, smooth):
        size = magnitude(spectra)[..., 4:-4, 4:-4]
        assert size.mean().item() == pytest.approx(1, abs=0.02)
        scatter.append((20 * torch.log10(size + 1e-6)).std().item())
    assert scatter[0] == pytest.approx(5.57, abs=0.3)  # 20 log10 of a Rayleigh magnitude: pi / sqrt(24) nepers
    assert scatter[1] < 0.75 * scatter[0]


@pytest.mark.parametrize(("options", "words"), [({"hop": 300}, "hop is 512 or 1024"), ({"excitation": "buzz"}, "not 'buzz'")])
def test_other_hops_and_excitations_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        BandEnvelope(**options)


def test_arrays_give_what_tensors_give():
    codec, audio = BandEnvelope(excitation="smooth_noise"), white(-40.0, 20_000)
    z, theirs = codec.encode(audio.numpy()).mean, codec.encode(audio).mean
    assert isinstance(z, np.ndarray)
    np.testing.assert_allclose(z, theirs.numpy(), atol=1e-4)
    np.testing.assert_allclose(codec.decode(z), codec.decode(theirs).numpy(), atol=1e-6)
