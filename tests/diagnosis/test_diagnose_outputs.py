"""`saga diagnose --outputs --references`: made-up outputs with each fault."""

import json
from typing import Any

import librosa
import numpy as np
import pandas as pd
import pytest
from scipy import signal
from typer.testing import CliRunner

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import write_audio
from saga_kedro.audio.metrics import lsd_variants
from saga_kedro.audio.resample import resample
from saga_kedro.audit.as_found.metrics import lsd_in_decibels
from saga_kedro.cli import app
from saga_kedro.diagnosis.numbers import Evidence
from saga_kedro.diagnosis.outputs import VARIANTS, lsd_kind, measure_pair, of_outputs

SECONDS = 1.5
SHIFTED_NOISE, SILENT_START = 0.79, 0.36
"""LSD of noise against itself elsewhere, and what the first 2 of 151 frames add, which a delay of 1,858 samples empties."""


def sound(seed: int) -> np.ndarray:
    """Pink-like noise that swells, in stereo: [2, N], peak about 0.3."""
    rng = np.random.default_rng(seed)
    noise = signal.lfilter([1.0], [1.0, -0.7], rng.standard_normal((2, int(SECONDS * SAMPLE_RATE))), axis=-1)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 1.5 * np.arange(noise.shape[1]) / SAMPLE_RATE)
    return (0.3 * noise * swell / np.abs(noise).max()).astype(np.float32)


REFERENCE = sound(0)


def late(audio: np.ndarray, samples: int) -> np.ndarray:
    return np.roll(np.pad(audio, ((0, 0), (0, abs(samples)))), samples, axis=1)[:, : audio.shape[1]]


def low_passed(audio: np.ndarray) -> np.ndarray:
    return signal.sosfiltfilt(signal.cheby1(8, 0.1, 4_000, output="sos", fs=SAMPLE_RATE), audio).astype(np.float32)


def new_upper_band(audio: np.ndarray, above: float, seed: int = 5) -> np.ndarray:
    """The reference's low band, other noise above: what a good model makes of it."""
    sections = [signal.butter(8, above, kind, output="sos", fs=SAMPLE_RATE) for kind in ("low", "high")]
    return (signal.sosfiltfilt(sections[0], audio) + signal.sosfiltfilt(sections[1], sound(seed))).astype(np.float32)


def measured(estimate: np.ndarray) -> dict[str, Any]:
    """A line of `measure_outputs` with the variants of LSD."""
    return {VARIANTS: lsd_variants(REFERENCE, estimate)} | measure_pair(REFERENCE, estimate)


def findings(estimate: np.ndarray, evidence: Evidence | None = None, **facts) -> list[str]:
    row = {"name": "a", "rate": 44_100, "reference_rate": 44_100, "channels": 2, "reference_channels": 2, "missing": 0}
    row |= {"SI-SDR, flattened batch": -50.0} | measured(estimate) | facts
    return [cause.says for cause in of_outputs(pd.DataFrame([row]), evidence or Evidence())]


@pytest.mark.parametrize("samples", [1, -37, 512, 1_858, -3 * 1_858])
def test_a_delayed_output_is_found_with_its_delay(samples):
    (said,) = findings(late(REFERENCE, samples))
    assert f"lies {samples:,} samples late" in said
    assert ("multiples of 1,858" in said) == (samples % 1_858 == 0)


def test_a_good_output_has_no_fault_and_the_band_that_it_kept_is_measured():
    assert findings(new_upper_band(REFERENCE, 4_000)) == []
    assert measure_pair(REFERENCE, new_upper_band(REFERENCE, 6_000))["kept_hz"] == pytest.approx(6_000, rel=0.1)


def test_a_delay_is_found_under_another_upper_band_and_si_sdr_is_given_without_it():
    row = measure_pair(REFERENCE, late(new_upper_band(REFERENCE, 4_000), 700))
    assert row["delay"] == 700
    assert row["SI-SDR, delay removed"] > row["SI-SDR"] + 10


BROKEN = np.where(np.arange(REFERENCE.shape[1]) < REFERENCE.shape[1] // 4, np.nan, REFERENCE).astype(np.float32)


@pytest.mark.parametrize(
    ("estimate", "says"),
    [
        (-REFERENCE, "polarity is inverted"),
        (REFERENCE * 10 ** (30 / 20), "the output's level differs by 30 dB from the reference's"),
        (REFERENCE * 32_768, "int16 scale"),
        (np.zeros_like(REFERENCE), "the output is digital silence (peak 0)"),
        (BROKEN, "25 % of the output's samples are NaN or infinite"),
        (np.clip(REFERENCE * 8, -1, 1), "at or beyond full scale"),
        (np.clip(0.02 * sound(3) ** -1, -1, 1), "nothing to do with its reference"),
        (sound(3), "phase was made anew"),
        (new_upper_band(REFERENCE, 250), "the low band was not kept"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_each_fault_of_an_output_is_named(estimate, says):
    found = findings(estimate)
    assert any(says in said for said in found)
    if says.startswith(("polarity", "the output is digital", "25 %", "the low band")):
        assert len(found) == 1, "and no other"


def test_a_low_passed_output_is_found_with_its_cutoff_and_is_not_called_quiet():
    (said,) = findings(low_passed(REFERENCE))
    assert said.startswith("nothing was made above ")
    assert float(said.split()[4].replace(",", "")) == pytest.approx(4_000, rel=0.1)


def test_other_rates_channels_and_lengths_are_found():
    said = findings(REFERENCE, rate=16_000, channels=1, missing=1_858)
    assert any("sample rate is 16,000 Hz" in line for line in said)
    assert any("1 channels" in line for line in said)
    assert any("1,858 samples of 44.1 kHz shorter" in line for line in said)


def test_lsd_in_db_is_told_from_the_papers_unit():
    estimate = new_upper_band(REFERENCE, 4_000)
    reported = lsd_in_decibels(REFERENCE.mean(axis=0), estimate.mean(axis=0))
    assert f"your LSD of {reported:g} is in dB" in findings(estimate, Evidence(lsd=reported))
    assert findings(estimate, Evidence(lsd=measure_pair(REFERENCE, estimate)["LSD"])) == []


@pytest.mark.parametrize(
    ("n_fft", "hop", "rate", "factor", "floor", "kind"),
    [
        (2_048, 441, 44_100, np.log(10), 0.0, "with the natural logarithm"),
        (2_048, 441, 44_100, 0.5, 0.0, "of amplitude"),
        (1_024, 256, 44_100, 1.0, 1e-6, "frames 1024/256, a floor of 1e-6 under the power"),
        (2_048, 512, 48_000, 1.0, 0.0, "frames 2048/512 at 48 kHz"),
    ],
)
def test_a_reported_lsd_is_named_by_how_it_was_computed(n_fft, hop, rate, factor, floor, kind):
    estimate = 0.001 * low_passed(REFERENCE)
    sounds = (resample(audio.mean(axis=0, keepdims=True), 44_100, rate)[0] for audio in (REFERENCE, estimate))
    s, s_hat = (np.maximum(np.abs(librosa.stft(audio, n_fft=n_fft, hop_length=hop)), floor**0.5) for audio in sounds)
    ratio = s**2 / (s_hat + 1e-12) ** 2 + 1e-12
    reported = factor * np.sqrt((np.log10(ratio) ** 2).mean(axis=0)).mean()
    row = measured(estimate)
    assert lsd_kind(pd.DataFrame([row]), reported) == kind
    assert lsd_kind(pd.DataFrame([row]), row["LSD"]) == ""


def test_one_silent_output_does_not_hide_the_unit():
    estimate = new_upper_band(REFERENCE, 4_000)
    rows = [measured(audio) for audio in (estimate, estimate, estimate, 0 * estimate)]
    reported = lsd_in_decibels(REFERENCE.mean(axis=0), estimate.mean(axis=0))
    assert lsd_kind(pd.DataFrame(rows), reported) == "in dB"


def test_sdr_of_a_flattened_batch_is_told_from_that_of_an_item():
    assert any("that of a flattened batch" in said for said in findings(new_upper_band(REFERENCE, 4_000), Evidence(sdr=-48.0)))
    assert findings(new_upper_band(REFERENCE, 4_000), Evidence(sdr=-70.0)) == [], "neither the batch's nor the item's"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for index in range(5):
        reference = sound(index)
        write_audio(folder / "references" / f"clip{index}.flac", reference, SAMPLE_RATE)
        write_audio(folder / "outputs" / "deep" / f"clip{index}.wav", late(reference, 1_858), SAMPLE_RATE)
    write_audio(folder / "outputs" / "alone.wav", REFERENCE, SAMPLE_RATE)
    (folder / "outputs" / "clip9.wav").write_text("no audio")
    write_audio(folder / "references" / "clip9.wav", REFERENCE, SAMPLE_RATE)
    write_audio(folder / "references" / "clip8.wav", REFERENCE[:, :100], SAMPLE_RATE)
    write_audio(folder / "outputs" / "clip8.wav", REFERENCE[:, :100], SAMPLE_RATE)
    return folder


def diagnose(*arguments: str):
    return CliRunner().invoke(app, ["diagnose", *arguments])


def test_a_folder_is_scored_and_what_cannot_be_read_is_a_sentence(folders, tmp_path):
    arguments = ("--outputs", str(folders / "outputs"), "--references", str(folders / "references"))
    result = diagnose(*arguments, "--json", "--report", str(tmp_path))
    found = json.loads(result.stdout)
    files = found["outputs"]["files"]
    assert [row["name"] for row in files] == [f"clip{index}" for index in range(5)]
    assert all(row["delay"] == 1_858 and row["SI-SDR, flattened batch"] < 0 for row in files)
    assert [row["LSD"] for row in files] == pytest.approx([SHIFTED_NOISE + SILENT_START] * 5, abs=0.1)
    assert [path.rsplit("/", 1)[1] for path in found["outputs"]["without_partner"]] == ["alone.wav"]
    sentences = found["outputs"]["left_out"]
    assert any("clip9.wav: cannot be read as audio" in said for said in sentences)
    assert any("clip8.wav: shorter than 4,096 samples" in said for said in sentences)
    assert found["causes"][0]["because"].startswith("5 of 5 outputs: clip0, clip1, clip2, ...")
    assert "scoring outputs" in result.stderr, "a progress bar"

    page = (tmp_path / "diagnosis.html").read_text(encoding="utf-8")
    assert "delay 1858 samples" in page
    assert "alone.wav: has no partner" in page


def test_the_console_shows_scores_findings_and_what_to_do(folders):
    shown = diagnose("--outputs", str(folders / "outputs"), "--references", str(folders / "references")).stdout
    assert "SI-SDR, flattened" in shown
    assert "lies 1,858 samples late" in shown
    assert "score each alone" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--outputs", "outputs"), "go together"),
        (("--outputs", "outputs", "--references", "nowhere"), "there is no such folder"),
        (("--outputs", "outputs", "--references", "empty"), "no output has the name of a reference"),
    ],
)
def test_folders_that_do_not_fit_are_one_sentence(arguments, says, folders, monkeypatch):
    monkeypatch.chdir(folders)
    (folders / "empty").mkdir(exist_ok=True)
    result = diagnose(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
