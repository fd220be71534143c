"""The autoencoder codec against stable-audio-tools' pretransform, whose place it takes."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_audio_tools.models.factory import create_pretransform_from_config

from saga_kedro.model.codec import build_codec
from saga_kedro.model.codec.autoencoder import Autoencoder, UnloadedCodec, build_autoencoder
from saga_kedro.model.codec.posterior import posterior_noise
from saga_kedro.weights import MissingWeights
from tiny_autoencoder import tiny_autoencoder_config, write_tiny_autoencoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_autoencoder(tmp_path_factory.mktemp("vae"), scale=2.5)


@pytest.fixture(scope="module")
def codec(folder):
    return Autoencoder.load(folder)


def library_pretransform(folder, chunked=False):
    """What stable-audio-tools makes of the same two files."""
    config = json.loads((folder / "model_config.json").read_text())
    pretransform = create_pretransform_from_config(config["model"]["pretransform"] | {"chunked": chunked}, 44_100)
    prefix = "pretransform.model."
    tensors = load_file(folder / "model.safetensors")
    pretransform.load_state_dict({name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)})
    return pretransform


def audio(samples, items=2):
    return 0.1 * torch.randn(items, 2, samples, generator=torch.Generator().manual_seed(3))


def test_latents_equal_the_pretransforms_under_the_same_noise(codec, folder, monkeypatch):
    seeds = [11, 12]
    monkeypatch.setattr(torch, "randn_like", lambda mean: torch.from_numpy(posterior_noise(seeds, mean.shape[1:])).to(mean))
    expected = library_pretransform(folder).encode(audio(64 * 40))
    torch.testing.assert_close(codec.encode(audio(64 * 40)).draw(seeds), expected, rtol=1e-5, atol=1e-6)


def test_decoding_equals_the_pretransforms(codec, folder):
    latents = torch.randn(2, 8, 40, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(codec.decode(latents), library_pretransform(folder).decode(latents), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hops", [128, 129, 224, 300])
def test_long_audio_equals_the_pretransforms_chunks(codec, folder, monkeypatch, hops):
    library = library_pretransform(folder, chunked=True)
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # the library draws chunk by chunk: compare the means
    sound = audio(64 * hops)
    latents = codec.encode(sound).mean
    torch.testing.assert_close(latents, library.encode(sound), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(codec.decode(latents), library.decode(latents), rtol=1e-5, atol=1e-6)


def test_the_mean_is_an_option_that_leaves_nothing_to_draw(codec, folder):
    mean = Autoencoder.load(folder, posterior="mean").encode(audio(6400))
    assert torch.equal(mean.mean, codec.encode(audio(6400)).mean)
    assert torch.equal(mean.draw([1, 2]), mean.mean)
    assert codec.encode(audio(6400)).deviation.min() > 0
    with pytest.raises(ValueError, match="not 'mode'"):
        build_codec("autoencoder", path=folder, posterior="mode")


@pytest.fixture
def other(folder, tmp_path):
    """A folder with the same configuration, whose weights are to come."""
    shutil.copy(folder / "model_config.json", tmp_path)
    return tmp_path


@pytest.mark.parametrize("prefix", ["", "autoencoder.", "autoencoder_ema.ema_model.", "diffusion.pretransform.model."])
def test_checkpoints_of_every_layout_are_read_and_averaged_weights_preferred(folder, other, prefix):
    tensors = load_file(folder / "model.safetensors")
    own = "pretransform.model."
    content: dict[str, torch.Tensor] = {}
    for name, value in ((name.removeprefix(own), value) for name, value in tensors.items() if name.startswith(own)):
        content |= {prefix + name: value, **({"autoencoder." + name: value + 1} if "ema" in prefix else {})}
    torch.save({"state_dict": content | ({"discriminator.weight": torch.zeros(1)} if prefix else {})}, other / "vae.ckpt")
    expected = Autoencoder.load(folder).decode(torch.ones(1, 8, 4))
    assert torch.equal(Autoencoder.load(other).decode(torch.ones(1, 8, 4)), expected)


def test_a_plain_autoencoder_configuration_is_read(folder, tmp_path):
    config = tiny_autoencoder_config()
    plain = {"model_type": "autoencoder", "sample_rate": 44_100, "model": config["model"]["pretransform"]["config"]}
    (tmp_path / "model_config.json").write_text(json.dumps(plain))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    assert Autoencoder.load(tmp_path).scale == 1.0


def test_without_weights_it_is_refused_with_what_to_do(tmp_path):
    for options in ({}, {"path": tmp_path}, {"path": tmp_path / "absent"}):
        with pytest.raises(UnloadedCodec, match=r"Stable Audio Open is missing .* accept its licence .* model.codec.path"):
            build_codec("autoencoder", **options)


def test_a_checkpoint_that_does_not_fill_it_is_refused_with_three_examples(folder, other):
    tensors = load_file(folder / "model.safetensors")
    names = sorted(name for name in tensors if name.startswith("pretransform."))
    for name in names[:4]:
        del tensors[name]
    tensors[names[5]] = torch.zeros(1, 2, 3)
    save_file(tensors, other / "model.safetensors")
    with pytest.raises(UnloadedCodec, match="5 tensors do not fit") as error:
        Autoencoder.load(other)
    assert str(error.value).count("; ") == 2


def test_several_checkpoints_none_or_another_models_are_refused(other):
    for name in ("a.ckpt", "b.ckpt"):
        (other / name).write_bytes(b"")
    with pytest.raises(MissingWeights, match="holds 2 checkpoints"):
        Autoencoder.load(other)
    (other / "model.safetensors").write_bytes(b"<html>not found</html>")
    with pytest.raises(MissingWeights, match="no readable checkpoint"):
        Autoencoder.load(other)
    save_file({"model.model.weight": torch.zeros(3)}, other / "model.safetensors")
    with pytest.raises(MissingWeights, match="does not fill"):
        Autoencoder.load(other)


def test_what_is_no_stereo_vae_is_refused():
    with pytest.raises(ValueError, match="describes no autoencoder"):
        build_autoencoder({"model_type": "diffusion_cond", "model": {}})
    mono, _ = build_autoencoder(tiny_autoencoder_config(channels=1))
    with pytest.raises(ValueError, match="two audio channels, this one has 1"):
        Autoencoder(mono)
    config = tiny_autoencoder_config()
    config["model"]["pretransform"]["config"]["bottleneck"] = {"type": "tanh"}
    model, _ = build_autoencoder(config)
    with pytest.raises(ValueError, match="TanhBottleneck"):
        Autoencoder(model)
