"""`SagaSR` in three lines of Python: arrays or paths in, captions by stretch, weights in half precision."""

import json

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import UnreadableAudio
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import CONFIG, SHIPPED, WEIGHTS
from sounds import full_band, muffled
from tiny_model import network_bytes, tiny_model


def test_a_path_is_as_good_as_an_array(model, tmp_path):
    audio = muffled(0.5)
    soundfile.write(tmp_path / "in.wav", audio.T, SAMPLE_RATE, "FLOAT")
    from_path = model.super_resolve(tmp_path / "in.wav", cutoff_hz=4_000)
    assert np.array_equal(from_path, model.super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000))
    with pytest.raises(UnreadableAudio, match="there is no such file"):
        model.super_resolve(str(tmp_path / "nowhere.wav"))


def test_a_full_band_array_comes_back_as_it_was(model):
    audio = full_band()
    assert np.array_equal(model.super_resolve(audio, SAMPLE_RATE), audio)


def test_captions_may_be_given_stretch_by_stretch(model_folder, monkeypatch):
    captioned = SagaSR.from_pretrained(model_folder)
    audio = muffled(13.0)
    seen: list[str] = []
    encode = captioned.text_encoder.encode

    def listened(texts):
        seen.extend(texts)
        return encode(texts)

    monkeypatch.setattr(captioned.text_encoder, "encode", listened)
    captioned.super_resolve(audio, SAMPLE_RATE, prompt=["a bell", "rain"], cutoff_hz=4_000)
    # the tail of 1.12 s belongs to the second stretch of 5.94 s
    assert seen == sorted(seen)
    share = seen.count("a bell") / len(seen)
    assert share == pytest.approx(5.94 / 13, abs=0.06)
    with pytest.raises(ValueError, match="3 captions were given for audio of 13.00 s, which has 2 stretches"):
        captioned.super_resolve(audio, SAMPLE_RATE, prompt=["a", "b", "c"], cutoff_hz=4_000)


def test_half_precision_halves_the_weights_and_hardly_changes_the_sound(tmp_path):
    saga = tiny_model()
    saga.save_pretrained(tmp_path / "single")
    saga.save_pretrained(tmp_path / "half", half=True)
    assert 2 * network_bytes(tmp_path / "half" / WEIGHTS) == network_bytes(tmp_path / "single" / WEIGHTS)
    assert load_file(tmp_path / "half" / WEIGHTS)["rolloff_predictor.weight"].element_size() == 4
    audio = muffled(0.5)
    loaded = [SagaSR.from_pretrained(tmp_path / name) for name in ("single", "half")]
    single, half = (saga.super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000) for saga in loaded)
    assert np.std(single - half) < 0.02 * np.std(single - audio)
    assert {str(p.dtype) for p in loaded[1].network.parameters()} == {"torch.float32"}


@pytest.mark.skipif(not (SHIPPED / WEIGHTS).is_file(), reason="no weights are shipped yet")
class TestShippedWeights:
    """What the model in the package promises."""

    @pytest.fixture(scope="class")
    def shipped(self) -> SagaSR:
        return SagaSR.from_pretrained()

    def test_they_are_small_and_have_a_card(self):
        assert (SHIPPED / WEIGHTS).stat().st_size <= 20e6
        assert "sample" in json.loads((SHIPPED / CONFIG).read_text())
        cards = [path for path in SHIPPED.glob("*.md") if len(path.read_text()) > 500]
        assert cards
        for word in ("corpus", "hours", "steps", "parameters", "licence"):
            assert word in cards[0].read_text().lower()

    def test_they_give_a_muffled_sound_an_upper_band_and_keep_the_lower(self, shipped):
        audio = muffled(3.0)
        high = shipped.super_resolve(audio, SAMPLE_RATE, cutoff_hz=4_000)
        spectra = [np.abs(np.fft.rfft(x)) ** 2 for x in (audio, high)]
        hertz = np.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE)
        low, upper = (hertz < 3_600), (hertz > 5_000) & (hertz < 16_000)
        assert spectra[1][:, upper].sum() > 100 * spectra[0][:, upper].sum()
        assert spectra[1][:, low].sum() == pytest.approx(spectra[0][:, low].sum(), rel=0.01)

    def test_their_roll_off_predictor_is_fitted_and_the_dial_works(self, shipped):
        audio = muffled(3.0)
        dull, bright = (shipped.super_resolve(audio, SAMPLE_RATE, rolloff=r, cutoff_hz=4_000) for r in (0.3, 0.9))
        hertz = np.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE)
        above = [np.square(np.abs(np.fft.rfft(x)))[:, hertz > 10_000].sum() for x in (dull, bright)]
        assert above[1] > above[0]
        assert shipped.rolloff_predictor.fitted
