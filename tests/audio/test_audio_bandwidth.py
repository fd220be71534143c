"""Own bandwidth and the cutoff of a low-pass, on sounds whose answer is known."""

import numpy as np
import pytest
import soundfile
from scipy import ndimage

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import _running_median, frame_powers, measure_bandwidth, measure_cutoff, own_bandwidth
from saga_kedro.audio.lowpass import LowPass, low_pass

N = 3 * SAMPLE_RATE


def white():
    return 0.1 * np.random.default_rng(0).standard_normal((2, N))


def speech_like():
    """Glottal pulses that fall by 12 dB an octave, in bursts of four a second with pauses, and hiss of fricatives between."""
    random = np.random.default_rng(1)
    seconds = np.arange(N) / SAMPLE_RATE
    phase = np.cumsum(120 + 20 * np.sin(2 * np.pi * 1.3 * seconds)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * k * phase) / k**2 for k in range(1, 150))
    hiss = np.diff(random.standard_normal(N), prepend=0)
    syllable = np.clip(np.sin(2 * np.pi * 2 * seconds), 0, None)
    return (0.2 * voice * syllable + 0.02 * hiss * np.clip(-np.sin(2 * np.pi * 2 * seconds) - 0.5, 0, None))[None]


@pytest.mark.parametrize("sound", [white, speech_like])
@pytest.mark.parametrize("cutoff", [4_000, 8_000])
@pytest.mark.parametrize("kind", ["chebyshev", "butterworth", "elliptic"])
def test_the_cutoff_of_a_low_pass_is_found_in_quiet_16_bit_material_too(sound, cutoff, kind):
    clip = low_pass(sound(), SAMPLE_RATE, LowPass(kind, 8, cutoff))
    assert measure_cutoff(clip, SAMPLE_RATE) == pytest.approx(cutoff, rel=0.06)
    quiet = np.round(clip / np.abs(clip).max() * 10 ** (-30 / 20) * 32_768) / 32_768
    assert measure_cutoff(quiet.astype(np.float32), SAMPLE_RATE) == pytest.approx(cutoff, rel=0.06)


@pytest.mark.parametrize("sound", [white, speech_like])
def test_full_band_sounds_have_no_cutoff(sound):
    assert measure_cutoff(sound(), SAMPLE_RATE) == SAMPLE_RATE / 2


def test_digital_silence_around_a_sound_changes_nothing():
    clip = low_pass(white()[:, :SAMPLE_RATE], SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    padded = np.pad(clip, ((0, 0), (0, 60 * SAMPLE_RATE)))
    assert measure_cutoff(padded, SAMPLE_RATE) == pytest.approx(4_000, rel=0.06)
    assert own_bandwidth(padded, SAMPLE_RATE) == pytest.approx(own_bandwidth(clip, SAMPLE_RATE), rel=0.05)


def test_own_bandwidth_is_the_highest_bin_within_80_db():
    seconds = np.arange(N) / SAMPLE_RATE
    # the centres of bins 100, 600 and 900
    tones = [np.sin(2 * np.pi * k * SAMPLE_RATE / 2_048 * seconds) for k in (100, 600, 900)]
    clip = 0.5 * tones[0] + 0.5 * 10 ** (-70 / 20) * tones[1] + 0.5 * 10 ** (-95 / 20) * tones[2]
    assert own_bandwidth(clip[None], SAMPLE_RATE) == pytest.approx(600 * SAMPLE_RATE / 2_048, abs=2 * SAMPLE_RATE / 2_048)
    assert own_bandwidth(white(), SAMPLE_RATE) == SAMPLE_RATE / 2
    opposite = white() * [[1], [-1]]  # every channel is looked at
    assert own_bandwidth(opposite, SAMPLE_RATE) == SAMPLE_RATE / 2


@pytest.mark.parametrize("measure", [own_bandwidth, measure_cutoff])
@pytest.mark.parametrize("samples", [0, 1, 5_000])
def test_silence_has_none(measure, samples):
    assert measure(np.zeros((2, samples), np.float32), SAMPLE_RATE) == 0
    assert 0 < measure(white()[:, :500], SAMPLE_RATE) <= SAMPLE_RATE / 2  # shorter than a window


def bandwidth(audio):
    return measure_bandwidth(frame_powers(lambda a, b: audio[:, a:b], audio.shape[-1], without_clipping=True), SAMPLE_RATE)


def kept_below(audio, edges):
    """Each stretch of 1,024 samples (a lossy codec's frame, say) with nothing above its own edge in Hz."""
    blocks = audio[:, : len(edges) * 1_024].reshape(len(audio), len(edges), 1_024)
    window = np.sin(np.pi * (np.arange(2_048) + 0.5) / 2_048)
    out = np.zeros((len(audio), (len(edges) + 1) * 1_024))
    padded = np.pad(blocks.reshape(len(audio), -1), ((0, 0), (0, 1_024)))
    for k, edge in enumerate(edges):
        spectrum = np.fft.rfft(padded[:, k * 1_024 : k * 1_024 + 2_048] * window)
        spectrum[:, int(edge * 2_048 / SAMPLE_RATE) :] = 0
        out[:, k * 1_024 : k * 1_024 + 2_048] += np.fft.irfft(spectrum) * window
    return out


def test_a_ragged_edge_is_taken_where_half_of_the_frames_end():
    frames = N // 1_024 - 1
    edges = np.where(np.arange(frames) % 12 == 0, 14_000, 6_000)
    measured = bandwidth(kept_below(white(), edges))
    assert measured.ends == "ragged"
    assert measured.cutoff_hz == pytest.approx(6_000, rel=0.06)
    steady = bandwidth(kept_below(white(), np.full(frames, 14_000)))
    assert steady.ends == "edge"
    assert steady.cutoff_hz == pytest.approx(14_000, rel=0.03)


@pytest.mark.parametrize(("suffix", "quality", "hertz"), [("mp3", 0.7, 15_100), ("mp3", 0.85, 11_000), ("ogg", 1.0, 16_500)])
def test_the_edge_of_a_lossy_codec_is_found(tmp_path, suffix, quality, hertz):
    path = tmp_path / f"lossy.{suffix}"
    with soundfile.SoundFile(str(path), "w", SAMPLE_RATE, 2, compression_level=quality) as file:
        file.write(white().T)
    measured = bandwidth(soundfile.read(path)[0].T)
    assert measured.ends == "edge"
    assert measured.cutoff_hz == pytest.approx(hertz, rel=0.1)


def test_clipped_frames_say_nothing():
    clip = low_pass(white(), SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    clip = clip * np.where(np.arange(clip.shape[1]) // 20_000 % 3 == 0, 40.0, 1.0)
    assert measure_cutoff(np.clip(clip, -1, 1), SAMPLE_RATE) == pytest.approx(4_000, rel=0.06)


def test_a_sound_that_falls_off_by_itself_has_no_edge():
    """A drum: 30 dB less at 5 kHz than at 3 kHz, and still sound, not noise, above."""
    seconds = np.arange(N) / SAMPLE_RATE
    strokes = np.exp(-20 * (seconds % 0.4))
    spectrum = np.fft.rfft(white() * strokes)
    hertz = np.fft.rfftfreq(N, 1 / SAMPLE_RATE)
    drum = np.fft.irfft(spectrum * 10 ** (-np.interp(hertz, [3_000, 5_000], [0, 18]) / 20), N)
    assert bandwidth(drum).ends == "full"


@pytest.mark.parametrize("hertz", [(200, 900), (1_000,)])
def test_dark_sounds_are_no_low_passed_ones(hertz):
    seconds = np.arange(N) / SAMPLE_RATE
    notes = np.exp(-seconds) * sum(np.sin(2 * np.pi * f * seconds) for f in hertz)
    measured = bandwidth(0.1 * notes[None])
    assert measured.ends == "dark"
    assert max(hertz) <= measured.cutoff_hz < 1_700


def test_partials_with_nothing_above_them_end_at_the_highest():
    seconds = np.arange(N) / SAMPLE_RATE
    tones = 0.1 * sum(np.sin(2 * np.pi * f * seconds) for f in range(440, 4_000, 440))[None]
    measured = bandwidth(tones * np.exp(-seconds))
    assert measured.ends in ("edge", "nothing")
    assert bandwidth(tones).ends == "tones"  # which never change, as no recording does
    assert measured.cutoff_hz == pytest.approx(3_960, abs=500)  # a Hann window's skirts


def test_a_long_clip_is_looked_at_in_part_and_read_in_ranges():
    asked = []

    def read(start, stop):
        asked.append(stop - start)
        return np.ones((2, stop - start))

    assert len(frame_powers(read, 3_600 * SAMPLE_RATE)) == 4_096
    assert max(asked) < 40_000


@pytest.mark.parametrize("size", [5, 9])
@pytest.mark.parametrize("shape", [(70, 40), (1, 1_025), (3, 4)])
def test_the_running_median_is_scipys(shape, size):
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.testing.assert_array_equal(_running_median(values, size), ndimage.median_filter(values, (1, size), mode="nearest"))
