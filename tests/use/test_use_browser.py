"""What the page's Python does, driven as web/worker.js drives it, with ONNX Runtime where the browser has its own."""

import io
import sys
from typing import Any

import numpy as np
import pytest
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.full_scale import FULL_SCALE, gain_for
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.rolloff import rolloff_from_hz
from saga_kedro.model import blocks, piecewise
from saga_kedro.model.onnx_model import OnnxSagaSR
from saga_kedro.use.browser import BrowserSagaSR, from_channels, spectrogram, super_resolve, to_answer, to_wav
from sounds import bursts_over_noise, full_band, muffled


@pytest.fixture(scope="module")
def both(exported_folder):
    return OnnxSagaSR(exported_folder), BrowserSagaSR(exported_folder)


def lowered(audio):
    """As the command line writes it: a model with random weights is loud."""
    return audio * np.float32(gain_for(np.abs(audio).max()))


def drive(both, audio, **settings):
    """The outcome, the shares of the work that were told, and how often the network was asked."""
    here, browser = both
    work = super_resolve(browser, audio, **settings)
    shares: list[float] = []
    asked = 0
    answer: Any = None
    while True:
        try:
            said = work.send(answer)
        except StopIteration as end:
            return end.value, shares, asked
        answer = None
        if isinstance(said, float):
            shares.append(said)
        else:
            output = here.answer(said)
            answer = to_answer(output.tobytes(), output.shape)
            asked += 1


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_it_is_what_onnx_runtime_gives(both, channels, monkeypatch):
    for model in both:
        monkeypatch.setitem(model.sample, "steps", 3)
    audio = muffled(4.0, channels)
    outcome, shares, asked = drive(both, from_channels([row.tobytes() for row in audio], SAMPLE_RATE))
    expected = lowered(both[0].super_resolve(audio, SAMPLE_RATE))
    np.testing.assert_array_equal(outcome.audio, expected)
    assert len(outcome.audio) == min(channels, 2)
    assert asked >= 3  # so that it began again in between
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert outcome.words.startswith("carries signal up to")
    assert outcome.words.endswith(" dB, or it would clip") == (np.abs(expected).max() == pytest.approx(FULL_SCALE))


def test_settings_are_the_commands(both):
    audio = low_pass(bursts_over_noise(-60.0)[0], SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    outcome, _, _ = drive(both, audio, rolloff_hz=16_000, noise_floor=1.0)
    expected = both[0].super_resolve(audio, SAMPLE_RATE, rolloff=rolloff_from_hz(16_000), noise_floor=1.0)
    np.testing.assert_array_equal(outcome.audio, lowered(expected))


def test_a_file_of_a_low_rate_carries_nothing_above_half_of_it(both, monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)  # as in a browser
    audio = from_channels([full_band(4.0, 1, 8_000).tobytes()], 8_000)
    assert audio.shape == (1, 4 * SAMPLE_RATE)
    outcome, _, _ = drive(both, audio, sample_rate=8_000)
    assert 3_800 < outcome.cutoff_hz <= 4_000
    assert drive(both, full_band(1.0), sample_rate=32_000)[0].cutoff_hz == 16_000


def test_several_stretches_are_joined(both, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SECONDS", 10.0)
    monkeypatch.setattr(piecewise, "PIECE_SECONDS", 5.0)
    audio = muffled(30.0, 1)
    outcome, shares, _ = drive(both, audio)
    np.testing.assert_array_equal(outcome.audio, lowered(both[0].super_resolve(audio, SAMPLE_RATE)))
    assert sum(share < 0.5 for share in shares) > 2


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (full_band(2.0), "full-band already"),
        (np.zeros((2, 50_000), np.float32), "silent"),
        (np.zeros((2, 0), np.float32), "no samples"),
        (np.full((1, 50_000), np.nan, np.float32), "not finite"),
    ],
)
def test_what_stays_as_it_is_says_why_and_names_no_option(both, audio, words):
    outcome, _, asked = drive(both, audio)
    assert outcome.audio is None
    assert asked == 0
    assert words in outcome.words
    assert "--" not in outcome.words


def test_the_wav_holds_24_bit_and_does_not_wrap_around():
    audio = np.array([[0.5, -1.5, 1.0, 2.0**-23], [0.0, -0.25, 1.5, -(2.0**-23)]], np.float32)
    file = io.BytesIO(to_wav(audio))
    assert soundfile.info(file).subtype == "PCM_24"
    file.seek(0)
    found, rate = soundfile.read(file, dtype="float64")
    assert rate == SAMPLE_RATE
    np.testing.assert_array_equal(found.T, np.clip(audio.astype(float), -1, 1 - 2.0**-23))


def test_a_tone_is_a_bright_row_from_the_first_column_to_the_last():
    tone = np.sin(2 * np.pi * 5_512.5 * np.arange(60_000) / SAMPLE_RATE)[None].astype(np.float32)
    levels, top = spectrogram(tone, 100, 256)
    assert levels.shape == (256, 100)
    assert set(levels[:, 1:-1].argmax(axis=0)) <= {191, 192}  # a quarter of the height
    assert levels[191:193, 1:-1].max() == 255
    assert np.median(levels) == 0
    louder, _ = spectrogram(tone / 10, 100, 256, top)
    assert louder.max() == pytest.approx(255 * (1 - 20 / 90), abs=2)
    assert spectrogram(np.ones((2, 10), np.float32), 50, 256)[0].shape == (256, 50)  # however short it is
