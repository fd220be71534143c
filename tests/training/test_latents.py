"""Training from shards of latents is training online with the same K; a shard that a killed run left is never read."""

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch.utils.data import DataLoader, default_collate

from saga_kedro.draws import generator
from saga_kedro.loaded_once import LoadedOnce, let_go
from saga_kedro.model.codec import build_codec
from saga_kedro.model.network import SagaNetwork
from saga_kedro.parameters import ParameterError, Text, changed
from saga_kedro.training.batches import Draws
from saga_kedro.training.encode import cache_of
from saga_kedro.training.examples import make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.folder import key_of
from saga_kedro.training.latents import INDEX, CachedSegments, Encoder, write_latents
from small_corpus import captions_of, encoder_of, load_and_tell, states_of, tiny_parameters, write_clips
from tiny_autoencoder import write_tiny_autoencoder

K = 2
SHARD = 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("latents")
    clips = write_clips(folder, seconds=0.6, per_category=3)
    clips.loc[0, "group"] = "alone"  # shorter than a segment, and nobody to be joined with: padded
    captions = captions_of(clips)
    # as `encode_text` leaves them
    states = {caption: state.bfloat16().float() for caption, state in states_of(captions).items()}
    path = str(write_tiny_autoencoder(folder / "vae"))
    parameters = tiny_parameters(
        degrade={"draws": K},
        model={"codec": {"name": "autoencoder", "path": path, "bands": None, "hop": None, "excitation": None}},
    )
    segments = make_segments(clips, captions, states, parameters, "train")
    codec = build_codec(**parameters.model.codec.model_dump())
    return SimpleNamespace(clips=clips, captions=captions, states=states, parameters=parameters, segments=segments, codec=codec)


@pytest.fixture
def encoder(corpus):
    return encoder_of(corpus.codec, corpus.states)


def write(corpus, encoder, folder):
    return write_latents(corpus.segments, lambda: encoder, folder, batch_size=2, shard_segments=SHARD, workers=1)


@pytest.fixture(scope="module")
def cached(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    summary = write(corpus, encoder_of(corpus.codec, corpus.states), folder)
    assert (summary["shards"], summary["crops"]) == (2, 6)
    return CachedSegments(corpus.segments, folder)


def batches(segments, workers=0):
    """Every slot more often than K times."""
    return list(DataLoader(segments, batch_sampler=Draws(0, 8, 3), num_workers=workers))


def training_of(corpus):
    network = SagaNetwork(latent_channels=corpus.codec.latent_channels, text_width=384, embed_dim=32, depth=1, num_heads=1)
    with torch.no_grad():  # layers that start at zero would hide what lies behind them
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator(0, "weights", *parameter.shape)))
    return FlowTraining(network, corpus.codec, corpus.parameters.fit)


def test_the_cache_gives_the_batches_that_are_made_online(corpus, cached):
    training = training_of(corpus)
    visits = set()
    for theirs, ours in zip(batches(corpus.segments), batches(cached), strict=True):
        assert (ours["name"], ours["low_name"]) == (theirs["name"], theirs["low_name"])
        visits |= {name.rsplit("/", 1)[1] for name in ours["name"]}
        z_h, condition, mask = training.encode(ours)
        their_z_h, their_condition, their_mask = training.encode(theirs)
        assert torch.equal(mask, their_mask)
        for name in ("text", "f_l", "f_h"):
            assert torch.equal(getattr(condition, name), getattr(their_condition, name)), name
        for one, other in ((z_h, their_z_h), (condition.z_l, their_condition.z_l)):
            torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-3)  # float16
    assert len(visits) > K


def test_of_several_crops_each_is_encoded_with_low_passes_of_its_own(corpus, encoder, tmp_path):
    parameters = changed(corpus.parameters, {"degrade.crops": 2, "vary.gain_db": 6.0})
    segments = make_segments(corpus.clips, corpus.captions, corpus.states, parameters, "train")
    held = write_latents(segments, lambda: encoder, tmp_path, batch_size=2, shard_segments=5, workers=1)
    assert (held["crops"], held["shards"]) == (12, 3)
    cached, order, codec = CachedSegments(segments, tmp_path), segments.order, corpus.codec
    high, low = set(), set()
    for draw in [draw for draw in range(200) if order.at(draw)[:2] == order.at(0)[:2]][:8]:
        online, here = segments[draw], cached[draw]
        torch.testing.assert_close(here["z_h_mean"], codec.encode(online["high"][None]).mean[0], atol=2e-3, rtol=2e-3)
        assert all(here[name] == online[name] for name in ("name", "low_name", "valid", "f_l"))
        high.add(float(here["z_h_mean"].sum()))
        low.add(float(here["z_l"].sum()))
    assert (len(high), len(low)) == (2, 2 * K)


def test_a_visit_draws_z_h_anew_and_every_kth_visit_sees_the_same_z_l(corpus, cached):
    training = training_of(corpus)
    order = corpus.segments.order
    visits = [draw for draw in range(60) if order.at(draw)[:2] == order.at(0)[:2]][: K + 1]
    assert [order.at(draw)[2] for draw in visits] == list(range(K + 1))
    batch = default_collate([cached[draw] for draw in visits])
    z_h, condition, _ = training.encode(batch)
    assert torch.equal(condition.z_l[0], condition.z_l[K])
    assert not torch.equal(condition.z_l[0], condition.z_l[1])
    assert not torch.equal(z_h[0], z_h[K])
    assert torch.equal(batch["z_h_mean"][0], batch["z_h_mean"][K])


def assert_same_latents(some, others):
    for one, other in zip(some, others, strict=True):
        assert one["name"] == other["name"]
        assert torch.equal(one["z_l"], other["z_l"])
        assert torch.equal(one["z_h_mean"], other["z_h_mean"])


def test_worker_processes_read_the_same_and_statistics_tell_how_noisy_it_is(cached):
    assert_same_latents(batches(cached), batches(cached, workers=1))
    statistics = cached.statistics(4)
    assert statistics["posterior_deviation"] > 0
    assert 0 <= statistics["reliability"] < 1


def test_a_killed_run_goes_on_with_the_shards_that_are_missing(corpus, encoder, tmp_path, cached):
    class Killed(Exception):
        pass

    class KilledInTheSecondShard(Encoder):
        def __call__(self, slots):
            if cast(Any, self.text_encoder).asked > SHARD:
                raise Killed
            return super().__call__(slots)

    with pytest.raises(Killed):
        write(corpus, KilledInTheSecondShard(encoder.codec, encoder.text_encoder, encoder.device), tmp_path)
    (tmp_path / ".shard-000001.half.safetensors").write_bytes(b"half a shard")
    with pytest.raises(FileNotFoundError, match="run the pipeline `encode`"):
        CachedSegments(corpus.segments, tmp_path)

    encoder.text_encoder.asked = 0
    write(corpus, encoder, tmp_path)
    assert encoder.text_encoder.asked == SHARD
    assert sorted(path.name for path in tmp_path.iterdir()) == [INDEX, "shard-000000.safetensors", "shard-000001.safetensors"]
    assert_same_latents(batches(CachedSegments(corpus.segments, tmp_path)), batches(cached))
    encoder.text_encoder.asked = 0
    write(corpus, encoder, tmp_path)
    assert encoder.text_encoder.asked == 0


def test_two_processes_write_the_bytes_that_one_writes_and_each_loads_the_models_once(corpus, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / f"loads of {name}").mkdir()
        model = corpus.parameters.model.model_copy(update={"text": Text(encoder="none", path=None, max_tokens=8)})
        encoder = LoadedOnce(load_and_tell, (str(tmp_path / f"loads of {name}"), model, "cpu"))
        write_latents(corpus.segments, encoder, tmp_path / name, 2, shard_segments=1, workers=workers)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).glob("*.safetensors")} for name in ("one", "two"))
    assert len(one) == 6
    assert one == two
    assert len(list((tmp_path / "loads of one").iterdir())) == 1
    loads = [path.name.split("-")[0] for path in (tmp_path / "loads of two").iterdir()]
    assert 1 <= len(loads) == len(set(loads)) <= 2
    assert str(os.getpid()) not in loads
    let_go()
    assert_same_latents(*(batches(CachedSegments(corpus.segments, tmp_path / name)) for name in ("one", "two")))


def test_a_codec_without_a_deviation_stores_none(corpus, tmp_path):
    write(corpus, encoder_of(build_codec("band_envelope"), corpus.states), tmp_path)
    item = CachedSegments(corpus.segments, tmp_path)[0]
    assert item["z_h_deviation"].shape == item["z_h_mean"].shape
    assert not item["z_h_deviation"].any()


def test_a_cache_belongs_to_one_configuration_and_state_of_the_data_and_needs_a_number_of_low_passes(corpus):
    online, parameters = corpus.parameters, changed(corpus.parameters, {"encode.latents": True})
    key = key_of("encode", parameters, "1", corpus.captions)
    assert key != key_of("encode", parameters, "2", corpus.captions)
    assert key != key_of("encode", parameters, "1", corpus.captions.assign(caption="another"))
    assert cache_of({"folder": None}, online, "1", corpus.captions) is None  # encode.latents is off
    assert cache_of({"key": key, "folder": "here"}, parameters, "1", corpus.captions) == "here"
    with pytest.raises(ValueError, match="run the pipeline `encode` before `fit`"):
        cache_of({"key": "other", "folder": "here"}, parameters, "1", corpus.captions)
    with pytest.raises(ParameterError, match="encode.latents needs degrade.draws"):
        tiny_parameters(encode={"latents": True})
