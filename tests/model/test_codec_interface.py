"""Every codec keeps the same promises."""

import pytest
import torch

from saga_kedro.model.codec import build_codec
from saga_kedro.model.codec.posterior import posterior_statistics
from tiny_autoencoder import write_tiny_autoencoder


@pytest.fixture(scope="module")
def codecs(tmp_path_factory):
    folder = write_tiny_autoencoder(tmp_path_factory.mktemp("autoencoder"))
    return {"band_envelope": build_codec("band_envelope"), "autoencoder": build_codec("autoencoder", path=folder)}


@pytest.fixture(params=["band_envelope", "autoencoder"])
def codec(request, codecs):
    return codecs[request.param]


@pytest.fixture
def audio():
    return 0.1 * torch.randn(3, 2, 9000, generator=torch.Generator().manual_seed(0))


def test_a_latent_stands_for_a_hop_and_the_last_one_is_filled_up(codec, audio):
    posterior = codec.encode(audio)
    hops = -(-9000 // codec.hop)
    assert posterior.mean.shape == posterior.deviation.shape == (3, codec.latent_channels, hops)
    assert codec.decode(posterior.mean).shape == (3, 2, hops * codec.hop)


def test_an_item_does_not_depend_on_its_batch(codec, audio):
    together = codec.encode(audio)
    drawn = together.draw([7, 8, 9])
    decoded = codec.decode(drawn, seeds=[1, 2, 3])
    for item in range(3):
        alone = codec.encode(audio[item : item + 1])
        torch.testing.assert_close(alone.mean[0], together.mean[item], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(alone.draw([7 + item])[0], drawn[item], rtol=1e-4, atol=1e-4)
        again = codec.decode(drawn[item : item + 1], seeds=[1 + item])
        torch.testing.assert_close(again[0], decoded[item], rtol=1e-3, atol=1e-5)


def test_the_global_generator_is_neither_used_nor_moved(codec, audio):
    torch.manual_seed(0)
    first = codec.decode(codec.encode(audio).draw([0, 1, 2]), seeds=[0, 1, 2])
    state = torch.get_rng_state()
    second = codec.decode(codec.encode(audio).draw([0, 1, 2]), seeds=[0, 1, 2])
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_results_have_the_dtype_and_device_of_what_is_given(codec, audio, dtype):
    posterior = codec.encode(audio.to(dtype))
    assert posterior.mean.dtype == posterior.deviation.dtype == posterior.draw([0, 1, 2]).dtype == dtype
    decoded = codec.decode(posterior.mean)
    assert decoded.dtype == dtype
    assert decoded.device == audio.device
    assert decoded.isfinite().all()


def test_autocast_around_a_codec_does_not_coarsen_it(codec, audio):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = codec.encode(audio)
        decoded = codec.decode(within.mean)
    assert torch.equal(within.mean, codec.encode(audio).mean)
    assert torch.equal(decoded, codec.decode(within.mean))


def test_nothing_trains(codec, audio):
    if isinstance(codec, torch.nn.Module):
        codec.train()
        assert not any(module.training for module in codec.modules())
        assert not any(parameter.requires_grad for parameter in codec.parameters())
    audio.requires_grad_(True)
    posterior = codec.encode(audio)
    assert not posterior.mean.requires_grad
    assert not codec.decode(posterior.mean.requires_grad_(True)).requires_grad


def test_silent_frames_and_identical_channels_stay_so_but_for_the_overlap(codecs, audio):
    codec = codecs["band_envelope"]
    quiet = torch.cat([audio, torch.zeros(3, 2, 12_000), audio], dim=-1)
    decoded = codec.decode(codec.encode(quiet).mean)
    assert not decoded[..., 9000 + 3072 : 21_000 - 3072].any()
    assert decoded[..., 4000:5000].abs().amax(-1).min() > 0.01
    left, right = codec.decode(codec.encode(audio[:, :1].repeat(1, 2, 1)).mean).unbind(1)
    assert torch.equal(left, right)


def test_statistics_are_those_of_all_latents_and_reliability_is_the_correlation_of_two_encodings(codecs, audio):
    codec = codecs["autoencoder"]
    found = posterior_statistics(codec.encode(part) for part in (audio[:2], audio[2:]))
    posterior = codec.encode(audio)
    spread = posterior.mean.double().var(correction=0)
    noise = posterior.deviation.double().square().mean()
    assert found["mean"] == pytest.approx(posterior.mean.mean().item(), rel=1e-4)
    assert found["posterior_deviation"] == pytest.approx(noise.sqrt().item(), rel=1e-4)
    assert found["deviation"] == pytest.approx((spread + noise).sqrt().item(), rel=1e-4)
    pair = torch.stack([posterior.draw([0, 1, 2]).flatten(), posterior.draw([3, 4, 5]).flatten()])
    assert torch.corrcoef(pair)[0, 1].item() == pytest.approx(found["reliability"], abs=0.1)
    assert posterior_statistics([codecs["band_envelope"].encode(audio)])["reliability"] == 1
