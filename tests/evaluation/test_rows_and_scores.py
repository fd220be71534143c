"""Rows are made once, scored in parallel, and an interrupted evaluation resumes."""

import json
import math
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from saga_kedro.audio import metrics
from saga_kedro.audio.io import read_audio, write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.evaluation import render, score
from saga_kedro.evaluation.pairs import fit_to, pairs_from_table
from saga_kedro.evaluation.render import Rows, codec_ceiling, oracle_rolloff, prune, render_rows
from saga_kedro.evaluation.rolloff_dial import rolloff_dial
from saga_kedro.evaluation.score import SCORE_COLUMNS, check_metrics, frequency_curves, score_outputs
from small_corpus import tiny_parameters

RATE = 44_100
SAMPLES = 30_000
rows: Any = Rows  # stand-ins are no models


class Louder:
    """A stand-in for a model: a scaled copy of the input; remembers what it was asked."""

    def __init__(self, gain=1.5):
        self.gain = gain
        self.calls = []

    def super_resolve(self, audio, sample_rate, **asked):
        self.calls.append(asked)
        return self.gain * audio


class Identity:
    """A stand-in for a codec: latents are the waveform, half its level."""

    def encode(self, audio):
        return SimpleNamespace(mean=audio / 2)

    def decode(self, z, seeds):
        assert len(seeds) == len(z)
        return 2 * z


@pytest.fixture
def pairs(tmp_path):
    """Two pairs at 4 kHz, the first with another system's output."""
    rows = []
    for index, category in enumerate(("speech", "music")):
        reference = (0.1 * np.random.default_rng(index).standard_normal((1 + index, SAMPLES))).astype(np.float32)
        sounds = {"input": low_pass(reference, RATE, LowPass("chebyshev", 8, 4000)), "reference": reference}
        if index == 0:
            sounds["other"] = 0.5 * reference
        for system, audio in sounds.items():
            path = tmp_path / "given" / f"{index}_{system}.wav"
            write_audio(path, audio, RATE)
            rows.append((str(index), category, 4.0, system, str(path)))
    table = pd.DataFrame(rows, columns=["item", "category", "cutoff_khz", "system", "path"])
    pairs, _ = pairs_from_table(table, tmp_path / "resampled")
    return pairs.sort_values("pair_id", ignore_index=True)


def value(scores, row, metric, clip="0"):
    return scores[(scores["row"] == row) & (scores["metric"] == metric) & (scores["clip_id"] == clip)]["value"].item()


def test_every_row_of_every_pair_is_scored_against_its_own_reference(pairs, tmp_path):
    outputs = render_rows(pairs, tmp_path / "rows", rows(Louder, "w", codec=Identity))
    scores = score_outputs(pairs, outputs, tmp_path / "rows", ["LSD", "SNR"], workers=1)
    assert list(scores.columns) == SCORE_COLUMNS
    assert set(scores["row"]) == {"untouched", "codec", "copy_up", "ours", "other"}
    reference, low = (read_audio(pairs[side][0])[0] for side in ("reference", "low"))
    assert value(scores, "untouched", "LSD") == pytest.approx(metrics.lsd(reference, low))
    assert value(scores, "ours", "SNR") == pytest.approx(metrics.snr(reference, 1.5 * low), abs=1e-4)
    assert value(scores, "other", "SNR") == pytest.approx(10 * math.log10(4), abs=1e-4)
    assert value(scores, "ours", "RTF", "1") > 0
    placed = {metric: value(scores, "other", metric) for metric in ("gain_dB", "delay", "extra_samples")}
    assert placed == pytest.approx({"gain_dB": 20 * math.log10(0.5), "delay": 0, "extra_samples": 0}, abs=1e-4)
    in_processes = score_outputs(pairs, outputs, tmp_path / "two", ["LSD", "SNR"], workers=2)
    pd.testing.assert_frame_equal(scores, in_processes)


def test_the_model_is_told_cutoff_seed_and_prompt(pairs, tmp_path):
    model = Louder()
    asked = pairs.assign(prompt=["a voice", ""])
    render_rows(asked, tmp_path, rows(lambda: model, rolloff_reference=True))
    first, oracle, second, _ = model.calls
    assert (first["cutoff_hz"], first["prompt"]) == (4000.0, "a voice")
    assert second["prompt"] is None
    assert first["seed"] == oracle["seed"] != second["seed"]
    assert "rolloff" not in first
    assert oracle["rolloff"] == pytest.approx(oracle_rolloff(read_audio(pairs["reference"][0])[0]))


def test_an_interrupted_evaluation_resumes_and_loads_a_model_only_where_something_is_missing(pairs, tmp_path, monkeypatch):
    loaded = []

    def model():
        time.sleep(0.5)
        loaded.append(Louder())
        return loaded[-1]

    for table, weights, times in ((pairs[:1], "w", 1), (pairs, "w", 2), (pairs, "w", 2), (pairs, "other", 4)):
        outputs = render_rows(table, tmp_path, rows(model, weights))
        assert outputs[outputs["row"] == "ours"]["seconds"].max() < 0.5  # loading does not count as making
        assert len(loaded) == times
    monkeypatch.setattr(render, "code", lambda stage: "changed")  # then everything is made again
    render_rows(pairs, tmp_path, rows(model, "w"))
    assert len(loaded) == 6


def test_scores_are_kept_and_only_new_metrics_are_computed_and_unknown_ones_refused(pairs, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"no metric 'PESQ'; evaluation knows LSD, "):
        check_metrics(["PESQ"])
    outputs = render_rows(pairs, tmp_path, Rows())
    first = score_outputs(pairs, outputs, tmp_path, ["LSD"], workers=1)
    monkeypatch.setattr(metrics, "lsd_family", lambda *_: pytest.fail("measured again"))
    again = score_outputs(pairs, outputs, tmp_path, ["LSD", "SNR"], workers=1)
    kept, known = (table[table["metric"] == "LSD"]["value"] for table in (again, first))
    pd.testing.assert_series_equal(kept, known, check_index=False)
    assert again[again["metric"] == "SNR"]["value"].notna().all()
    monkeypatch.setattr(score, "code", lambda stage: "changed")
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        score_outputs(pairs, outputs, tmp_path, ["LSD"], workers=1)


def test_what_belongs_to_no_row_any_more_is_removed(pairs, tmp_path):
    old = render_rows(pairs, tmp_path, rows(Louder, "old"))
    score_outputs(pairs, old, tmp_path, ["LSD"], workers=1)
    new = render_rows(pairs, tmp_path, rows(Louder, "new"))
    assert prune(tmp_path, new) == 6  # a sound, its cost and its scores, for two pairs
    assert len(list((tmp_path / "outputs").glob("*.wav"))) == 4


def test_missing_is_missing_not_zero(pairs, tmp_path, caplog):
    class Broken(Louder):
        def super_resolve(self, audio, sample_rate, **asked):
            return audio * np.nan

    broken = pairs.assign(systems=[json.dumps({"lost": str(tmp_path / "lost.wav")}), "{}"])
    outputs = render_rows(broken, tmp_path, rows(Broken))
    scores = score_outputs(broken, outputs, tmp_path, ["LSD", "SI-SDR", "DNSMOS"], workers=1)
    assert math.isnan(value(scores, "ours", "LSD"))
    assert math.isnan(value(scores, "lost", "SI-SDR"))
    assert np.isfinite(value(scores, "untouched", "LSD"))
    assert np.isfinite(value(scores, "untouched", "DNSMOS"))
    assert math.isnan(value(scores, "untouched", "DNSMOS", "1")), "it is for speech"
    assert "not finite" in caplog.text
    assert "there is no such file" in caplog.text


def test_a_pair_that_kills_its_worker_has_no_outputs_and_the_others_have(pairs, tmp_path, monkeypatch):
    def killed_by_the_first(function, items, describe, workers=None, gpu=False, lost=None, **arguments):
        return [lost(items[0], "it killed its worker"), *(function(item, **arguments) for item in items[1:])]

    monkeypatch.setattr("saga_kedro.evaluation.render.parallel_map", killed_by_the_first)
    outputs = render_rows(pairs, tmp_path, rows(Louder, "w"))
    killer = outputs["pair_id"] == pairs["pair_id"][0]
    assert outputs[killer].set_index("row")["path"].map(bool).to_dict() == {
        "untouched": True, "copy_up": False, "ours": False, "other": True,
    }  # fmt: skip
    assert outputs[~killer]["path"].all()


def test_the_codec_row_is_the_reference_above_and_the_input_below():
    reference = (0.1 * np.random.default_rng(0).standard_normal((1, SAMPLES))).astype(np.float32)
    low = low_pass(reference, RATE, LowPass("chebyshev", 8, 4000))
    codec: Any = Identity()
    made = codec_ceiling(codec, reference, low, 4000)
    assert made.shape == reference.shape
    assert metrics.lsd_family(reference, made, 4600)["LSD_above"] < 0.1
    assert metrics.lsd_family(low, made, 3800)["LSD_below"] < 1e-3


@pytest.mark.parametrize(("given", "channels"), [((1, 90), 2), ((2, 110), 1), ((2, 100), 2)])
def test_outputs_are_fitted_to_the_references_shape(given, channels):
    assert fit_to(np.ones(given), channels, 100).shape == (channels, 100)


def test_distance_against_frequency_lies_where_the_input_ends(pairs, tmp_path):
    outputs = render_rows(pairs, tmp_path, Rows())
    curves = frequency_curves(pairs, outputs, tiny_parameters(report={"frequency_bands": 32}).report, workers=1)
    untouched = curves[(curves["row"] == "untouched") & (curves["category"] == "speech")]
    assert len(untouched) == 32
    assert untouched[untouched["frequency_hz"] < 3500]["lsd"].max() < 0.1
    assert untouched[untouched["frequency_hz"] > 5000]["lsd"].min() > 2


def test_the_dial_measures_what_comes_out(pairs, tmp_path):
    class Obedient(Louder):
        def super_resolve(self, audio, sample_rate, rolloff=None, **asked):
            self.calls.append(rolloff)
            noise = torch.randn(1, audio.shape[1], generator=torch.Generator().manual_seed(0))
            spectrum = torch.fft.rfft(noise)
            spectrum[:, int(rolloff / 0.985 * spectrum.shape[1]) :] = 0
            return torch.fft.irfft(spectrum, n=audio.shape[1]).numpy()

    model = Obedient()
    dial = rolloff_dial(pairs, tmp_path, rows(lambda: model), (0.3, 0.8))
    assert len(dial) == 4
    np.testing.assert_allclose(dial["measured"], dial["requested"], atol=0.02)
    rolloff_dial(pairs, tmp_path, rows(lambda: model), (0.3, 0.8))
    assert len(model.calls) == 4
