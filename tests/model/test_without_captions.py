"""A model without a text encoder, and a result whose brightness is unspecified."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.reading import from_array
from saga_kedro.audit.data import Pair
from saga_kedro.audit.scoring import outputs
from saga_kedro.model.dials import Dials
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.treatment import Treatment
from saga_kedro.parameters import Sample, Text
from saga_kedro.training.encode import cache_of, encode_captions, encode_latents, read_states
from saga_kedro.training.fit import fit
from small_corpus import captions_of, tiny_parameters, write_clips
from sounds import muffled
from tiny_model import CONFIGURATION, tiny_model

NO_TEXT = {"encoder": "none", "path": None, "max_tokens": 8}


@pytest.fixture(scope="module")
def speechless():
    return tiny_model("none")


def test_the_network_is_given_as_many_positions_of_zeros_as_in_training(speechless):
    """They are not masked, so their number decides what weight cross-attention leaves to the roll-offs."""
    assert not speechless.takes_prompts
    audio = muffled()
    stretch = next(speechless.stretches(from_array(audio), audio.shape[1], Treatment(4_000.0, False, ""), dials=Dials(0.8)))
    assert stretch.condition.text.shape[1] == NO_TEXT["max_tokens"]
    assert not stretch.condition.text.any()


def test_it_super_resolves_and_describes_nothing(speechless, monkeypatch):
    monkeypatch.setattr("saga_kedro.model.saga_sr.caption", lambda *audio: pytest.fail("described"))
    out = speechless.super_resolve(muffled(), SAMPLE_RATE, rolloff=0.8, cutoff_hz=4_000)
    assert np.isfinite(out).all()
    assert np.abs(out - muffled()).max() > 1e-4


@pytest.mark.parametrize("prompt", ["a bell", ["a bell"]])
def test_it_takes_no_prompt_and_says_so_in_one_sentence(speechless, prompt):
    with pytest.raises(ValueError, match=r"^This model was trained without captions: it takes no prompt\.$"):
        speechless.super_resolve(muffled(), SAMPLE_RATE, rolloff=0.8, prompt=prompt, cutoff_hz=4_000)


@pytest.mark.parametrize("captions", [True, False])
def test_evaluation_gives_prompts_to_models_that_take_them_and_no_others(captions, speechless, monkeypatch):
    model = tiny_model() if captions else speechless
    given: list = []
    low = muffled(0.3)

    def super_resolve(audio, rate, **asked):
        given.append(asked["prompt"])
        return low

    monkeypatch.setattr(model, "super_resolve", super_resolve)
    outputs(model, Sample.model_validate(model.sample), [Pair("1", "speech", 4.0, "a voice", low, low)], seed=0)
    assert given == ["a voice" if captions else None]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    clips = write_clips(tmp_path_factory.mktemp("clips"), seconds=1.0)
    return SimpleNamespace(clips=clips, captions=captions_of(clips))


def trained(corpus, folder, cached):
    """A training without captions, as the pipelines run it, and the model that it saved."""
    parameters = tiny_parameters(
        model={"text": NO_TEXT}, encode={"latents": cached}, degrade={"draws": 2}, sample={"rolloff": "unspecified"}
    )
    latents = None
    if cached:
        summary = encode_latents(corpus.clips, corpus.captions, "1", parameters, folder / "latents")
        latents = cache_of(summary, parameters, "1", corpus.captions)
    index = encode_captions(corpus.captions["caption"], Text.model_validate(NO_TEXT), folder / "states")
    assert index["tokens"].tolist() == [0, 0, 0]
    states = read_states(index, folder / "states")
    fit(corpus.clips, corpus.captions, states, parameters, folder / "run", "1", latents=latents)
    return SagaSR.from_pretrained(folder / "run")


@pytest.mark.parametrize("cached", [False, True])
def test_it_is_trained_saved_loaded_and_used_encoded_before_or_while_training(corpus, tmp_path, cached):
    model = trained(corpus, tmp_path, cached)
    assert not model.takes_prompts
    assert model.super_resolve(muffled(0.5), SAMPLE_RATE, cutoff_hz=4_000).shape == (2, 22_050)


def test_nothing_need_be_said_of_the_rolloff_and_nothing_is_predicted_then(monkeypatch):
    model = tiny_model()
    told, unfitted = model.super_resolve(muffled(), SAMPLE_RATE, rolloff=0.0, cutoff_hz=4_000), SagaSR(CONFIGURATION)
    unfitted.network = model.network
    with pytest.raises(ValueError, match="no fitted roll-off predictor"):
        unfitted.super_resolve(muffled(), SAMPLE_RATE, cutoff_hz=4_000)
    asked = unfitted.super_resolve(muffled(), SAMPLE_RATE, rolloff="unspecified", cutoff_hz=4_000)
    assert not np.array_equal(asked, told)
    monkeypatch.setitem(unfitted.sample, "rolloff", "unspecified")
    assert np.array_equal(unfitted.super_resolve(muffled(), SAMPLE_RATE, cutoff_hz=4_000), asked)


@pytest.mark.parametrize(
    ("rolloff", "cutoff_hz", "ends_hz", "f_h"),
    [("unspecified", 7e3, 7e3, -1), ("likely", 6e3, 6e3, -1), ("likely", 7e3, 7e3, 0.8), ("likely", 7e3, 2e3, -1)],
)
def test_the_network_is_given_no_rolloff_then_or_a_bright_one_for_a_bright_input(rolloff, cutoff_hz, ends_hz, f_h):
    """Likely: bright where the spectrum falls slowly towards a high cutoff."""
    model, audio = tiny_model(), muffled(cutoff=ends_hz)
    seen: list = []
    model.network.register_forward_pre_hook(lambda module, given: seen.append(given[2].f_h))
    model.super_resolve(audio, SAMPLE_RATE, rolloff=rolloff, cutoff_hz=cutoff_hz)
    assert seen
    assert all((asked == torch.tensor(f_h)).all() for asked in seen)
    assert all(model.network.f_h(asked).any() == (f_h >= 0) for asked in seen)
