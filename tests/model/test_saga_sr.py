"""``SagaSR`` keeps what its input had: length, channels, silence, low band; and saves what it loads."""

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.reading import from_array
from saga_kedro.model.dials import Dials
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, WEIGHTS
from saga_kedro.model.super_resolver import Stretch, SuperResolver
from saga_kedro.model.treatment import Treatment
from sounds import full_band, muffled
from tiny_model import tiny_model


@pytest.fixture(scope="module")
def saga():
    return tiny_model(steps=3)


def only_stretch(model: SuperResolver, audio: np.ndarray, cutoff_hz: float = 4_000.0, **dials: Any) -> Stretch:
    (stretch,) = model.stretches(from_array(audio), audio.shape[1], Treatment(cutoff_hz, False, ""), dials=Dials(**dials))
    return stretch


@pytest.mark.parametrize("samples", [0, 300, 16_384, 16_385, 40_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_length_and_channels_are_kept(saga, samples, channels):
    audio = muffled(1.0, channels)[:, :samples]
    out = saga.super_resolve(audio, SAMPLE_RATE, rolloff=0.8, cutoff_hz=4_000)
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


def test_the_result_is_at_44_1_khz(saga):
    assert saga.super_resolve(muffled(0.8)[:, ::2], SAMPLE_RATE // 2, rolloff=0.8).shape == (2, int(0.8 * SAMPLE_RATE))


def test_at_temperature_zero_the_seed_of_the_noise_does_not_matter(saga, monkeypatch):
    given = only_stretch(saga, muffled(0.5), rolloff=0.8, prompt="a sound")
    monkeypatch.setattr(saga, "sample", saga.sample | {"temperature": 0.0})
    assert torch.equal(saga.generate(given, Dials(seed=1)), saga.generate(given, Dials(seed=2)))
    monkeypatch.setattr(saga, "sample", saga.sample | {"temperature": 1.0})
    assert not torch.equal(saga.generate(given, Dials(seed=1)), saga.generate(given, Dials(seed=2)))


def test_every_control_changes_the_result(saga):
    audio = muffled(0.5)

    def resolve(**controls):
        return saga.super_resolve(audio, SAMPLE_RATE, **{"rolloff": 0.8, "prompt": "a", "cutoff_hz": 4_000} | controls)

    usual = resolve()
    for controls in ({"rolloff": 0.4}, {"rolloff": "predicted"}, {"prompt": "z"}, {"steps": 5}, {"s_a": 2.0}, {"s_t": 3.0}):
        assert not np.array_equal(resolve(**controls), usual), controls
    assert np.array_equal(resolve(steps=3, s_a=1.4, s_t=1.2), usual)


def test_without_a_prompt_each_stretch_of_audio_is_described(saga, monkeypatch):
    encode = Mock(wraps=saga.text_encoder.encode)
    monkeypatch.setattr(saga.text_encoder, "encode", encode)
    audio = muffled(8.0)
    audio[:, int(5.9 * SAMPLE_RATE) :] = 0
    saga.super_resolve(audio, SAMPLE_RATE, rolloff=0.8, steps=1)
    (captions,) = encode.call_args.args
    assert len(set(captions)) == 2
    assert captions[0] != captions[-1] == "Silence."


def test_decoding_the_inputs_own_latent_gives_the_input_back(saga):
    """Only codec and low-frequency replacement are left, and everything lies below the cutoff."""
    audio = muffled(0.5)
    stretch = only_stretch(saga, audio, 5_500, rolloff=0.8, prompt="a")
    out = np.concatenate(list(stretch.finish(stretch.z_l)), axis=1)
    inner = slice(4_096, -4_096)  # the excerpt starts and ends abruptly, which is broad-band
    assert np.std((out - audio)[:, inner]) < 0.02 * np.std(audio[:, inner])


@pytest.mark.parametrize("rolloff", [-0.1, 1.1, float("nan"), "bright"])
def test_a_rolloff_out_of_range_is_refused(saga, rolloff):
    with pytest.raises(ValueError, match="rolloff must be"):
        saga.super_resolve(muffled(0.3), SAMPLE_RATE, rolloff=rolloff)


def test_broken_audio_is_refused(saga):
    with pytest.raises(ValueError, match="not finite"):
        saga.super_resolve(np.full((1, 5_000), np.nan, np.float32), SAMPLE_RATE)
    with pytest.raises(ValueError, match="channels, samples"):
        saga.super_resolve(np.zeros(5_000, np.float32), SAMPLE_RATE)
    with pytest.raises(ValueError, match="rate"):
        saga.super_resolve(np.zeros((1, 5_000), np.float32), 0)


def test_what_is_saved_is_what_is_loaded(saga, tmp_path):
    saga.save_pretrained(tmp_path / "model")
    again = SagaSR.from_pretrained(tmp_path / "model")
    assert again.config == saga.config
    assert not again.network.training
    assert {name.split(".")[0] for name in saga.learned_state()} == {"network", "rolloff_predictor", "floors"}  # nothing frozen
    audio = muffled(0.5)
    assert np.array_equal(again.super_resolve(audio, SAMPLE_RATE), saga.super_resolve(audio, SAMPLE_RATE))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [WEIGHTS, CONFIG]


def test_weights_of_another_model_are_refused(saga, tmp_path):
    saga.save_pretrained(tmp_path)
    state = load_file(tmp_path / WEIGHTS)
    state["network.other"] = state.pop("network.dit.model.transformer.project_out.weight")
    state["rolloff_predictor.bias"] = torch.zeros(2)
    save_file(state, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match=r"project_out.weight is missing; network.other has no place; .*bias is \[2\]"):
        SagaSR.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no saga_sr.json in"):
        SagaSR.from_pretrained(tmp_path / "nowhere")


def test_what_lies_above_a_given_cutoff_is_not_heard_and_a_cutoff_out_of_range_is_refused():
    model, audio = tiny_model(), full_band(4.0)
    brighter = audio + 0.05 * (audio - low_pass(audio, 44_100, LowPass("chebyshev", 8, 9_000)))
    result, of_brighter = (model.super_resolve(one, 44_100, cutoff_hz=4_000.0) for one in (audio, brighter))
    np.testing.assert_allclose(of_brighter, result, atol=1e-3)
    for cutoff_hz in (-5.0, 100.0, 30_000.0):
        with pytest.raises(ValueError, match="A cutoff lies between 1000 and 22050 Hz"):
            model.super_resolve(audio, 44_100, cutoff_hz=cutoff_hz)
