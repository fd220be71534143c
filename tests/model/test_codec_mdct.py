"""The lapped transform keeps the waveform."""

import numpy as np
import pytest
import torch

from saga_kedro.model.codec.mdct import Mdct


@pytest.fixture
def audio():
    return 0.2 * torch.randn(2, 2, 5000, generator=torch.Generator().manual_seed(0))


def test_the_round_trip_is_exact(audio):
    codec = Mdct()
    error = codec.decode(codec.encode(audio).mean)[..., :5000] - audio
    assert 10 * torch.log10(audio.square().sum() / error.square().sum()) > 100
    precise = audio.double()
    torch.testing.assert_close(codec.decode(codec.encode(precise).mean)[..., :5000], precise, rtol=0, atol=1e-13)


def test_the_transform_is_orthogonal(audio):
    codec = Mdct(64)
    coefficients = codec.transform(audio)
    assert coefficients.square().sum().item() == pytest.approx(audio.square().sum().item(), rel=1e-5)
    other = torch.randn_like(audio)
    assert (codec.transform(other) * coefficients).sum().item() == pytest.approx((other * audio).sum().item(), abs=1e-2)


def test_coefficients_are_those_of_the_formula():
    bands = 64
    signal = np.random.default_rng(0).standard_normal(bands * 5)
    found = Mdct(bands).transform(torch.from_numpy(signal)).numpy()
    n, k = np.arange(2 * bands), np.arange(bands)
    window = np.sin(np.pi / (2 * bands) * (n + 0.5))
    for block in (1, 2, 3):
        frame = window * signal[block * bands - bands // 2 :][: 2 * bands]
        expected = np.sqrt(2 / bands) * frame @ np.cos(np.pi / bands * np.outer(n + 0.5 - bands / 2, k + 0.5))
        np.testing.assert_allclose(found[block], expected, atol=1e-12)


def test_latents_are_companded_coefficients_over_their_scale(audio):
    codec = Mdct()
    latents = codec.encode(audio).mean.unflatten(1, (2, 256))
    mid = codec.transform((audio[:, 0] + audio[:, 1]).double() / 2)
    expected = mid.sign() * (mid.abs() / codec.scale) ** 0.4
    torch.testing.assert_close(latents[:, 0].mT.double(), expected, rtol=1e-3, atol=1e-3)


def test_an_odd_number_of_bands_is_refused():
    with pytest.raises(ValueError, match="even number of bands, not 5"):
        Mdct(5)
