"""Evaluation pairs: what counts as one, what is written, what is not done again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audio.io import read_audio, write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.evaluation import pairs as evaluation_pairs
from saga_kedro.evaluation.pairs import COLUMNS, make_pairs, pairs_from_table
from saga_kedro.parameters import Degrade
from scratch_project import base_parameters

RATE = 44_100
NO_TABLE = pd.DataFrame()


def made(clips, folder, table=NO_TABLE, **changes):
    """Pairs and refusals, at 4 kHz unless ``changes`` to the section `degrade` say otherwise."""
    settings = base_parameters()["degrade"] | {"cutoffs_khz": [4]} | changes
    return make_pairs(clips, table, Degrade.model_validate(settings), folder)


def noise(seconds, seed=0, channels=2, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal((channels, int(seconds * RATE)))).astype(np.float32)


@pytest.fixture
def clips(tmp_path):
    """Four noisy clips of 1.5 s in two groups a category, one of them dull."""
    rows = []
    wide, dull = 22_000.0, 9_000.0
    named = [("speech", "a", wide), ("speech", "a", wide), ("speech", "b", wide), ("music", "c", dull)]
    for index, (category, group, bandwidth) in enumerate(named):
        path = tmp_path / "clips" / f"{index}.flac"
        write_audio(path, noise(1.5, index), RATE)
        rows.append(
            {
                "clip_id": f"{index:016x}", "group": group, "category": category, "content_hash": f"{index:032x}",
                "bandwidth_hz": bandwidth, "flac": str(path), "samples": int(1.5 * RATE), "start_s": 0.0, "end_s": 1.5,
                "split": "test",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def test_a_pair_is_the_reference_and_the_same_low_passed(clips, tmp_path):
    pairs, _ = made(pd.concat([clips[:1], clips[1:].assign(split="train")]), tmp_path / "pairs")
    (pair,) = (line for _, line in pairs.iterrows())
    reference, rate = read_audio(pair["reference"])
    low, _ = read_audio(pair["low"])
    assert list(pairs.columns) == COLUMNS
    assert (rate, reference.shape) == (RATE, (2, int(1.5 * RATE)))
    expected = low_pass(reference, RATE, LowPass("chebyshev", 8, 4000))
    np.testing.assert_allclose(low, expected, atol=5e-5)  # 16 bit
    assert pair["systems"] == "{}"


def test_a_clip_counts_only_with_bandwidth_of_one_and_a_half_cutoffs(clips, tmp_path):
    pairs, rejected = made(clips, tmp_path / "pairs", cutoffs_khz=[4, 8])
    found = set(zip(pairs["category"], pairs["cutoff_khz"], strict=True))
    assert found == {("speech", 4.0), ("speech", 8.0), ("music", 4.0)}
    assert list(rejected["path"]) == [clips["flac"][3]]
    assert "9000 Hz is under 1.5 times the cutoff of 8 kHz" in rejected["reason"][0]


def test_a_limit_takes_different_groups_first(clips, tmp_path):
    pairs, _ = made(clips[:3], tmp_path / "pairs", pairs_per_category=2)
    assert set(pairs["group"]) == {"a", "b"}


def test_long_clips_give_their_middle_and_a_range_of_a_clip_is_kept_to_in_a_file_of_the_clip_or_of_the_range(clips, tmp_path):
    pairs, _ = made(clips[:1], tmp_path / "pairs", excerpt_seconds=0.5)
    whole, _ = read_audio(clips["flac"][0])
    reference, _ = read_audio(pairs["reference"][0])
    assert pairs["start_s"][0] == pytest.approx(0.5)
    np.testing.assert_allclose(reference, whole[:, RATE // 2 : RATE], atol=2e-7)
    ranged = clips[:1].assign(start_s=1.0, end_s=1.5)
    from_whole, _ = made(ranged, tmp_path / "one")
    write_audio(tmp_path / "range.flac", whole[:, RATE:], RATE)
    cut = ranged.assign(flac=str(tmp_path / "range.flac"), samples=RATE // 2)
    from_range, _ = made(cut, tmp_path / "two")
    for pairs in (from_whole, from_range):
        np.testing.assert_allclose(read_audio(pairs["reference"][0])[0], whole[:, RATE:], atol=2e-7)


def test_what_would_exceed_full_scale_is_turned_down_on_both_sides(clips, tmp_path):
    square = np.sign(np.sin(2 * np.pi * 900 * np.arange(RATE) / RATE))[None].astype(np.float32)
    write_audio(tmp_path / "square.flac", square, RATE)
    row = clips[:1].assign(flac=str(tmp_path / "square.flac"), samples=RATE, end_s=1.0)
    pairs, _ = made(row, tmp_path / "pairs")
    low, reference = (read_audio(pairs[side][0])[0] for side in ("low", "reference"))
    gain = np.abs(reference).max()
    assert gain < 0.95
    assert np.abs(low).max() == pytest.approx(0.999, abs=2e-4)
    expected = gain * low_pass(square, RATE, LowPass("chebyshev", 8, 4000))
    np.testing.assert_allclose(low, expected, atol=5e-5)


def test_silent_and_broken_clips_are_refused_and_the_rest_goes_on(clips, tmp_path):
    write_audio(clips["flac"][0], np.zeros((1, int(1.5 * RATE)), np.float32), RATE)
    Path(clips["flac"][1]).write_bytes(b"no audio")
    pairs, rejected = made(clips[:3], tmp_path / "pairs")
    assert list(pairs["clip_id"]) == [clips["clip_id"][2]]
    assert dict(zip(rejected["path"], rejected["reason"], strict=True))[clips["flac"][0]] == "the excerpt is digital silence"
    assert len(rejected) == 2


def test_finished_pairs_are_not_made_again_and_stale_ones_go(clips, tmp_path, monkeypatch):
    folder = tmp_path / "pairs"
    first, _ = made(clips[:3], folder)
    times = {path: Path(path).stat().st_mtime_ns for path in first["low"]}
    second, _ = made(clips[:2], folder)
    assert {path: Path(path).stat().st_mtime_ns for path in second["low"]} == {path: times[path] for path in second["low"]}
    assert len(list(folder.iterdir())) == 4
    other, _ = made(clips[:2], folder, order=4)
    monkeypatch.setattr(evaluation_pairs, "code", lambda stage: "changed")
    for pairs in (other, made(clips[:2], folder)[0]):
        assert set(pairs["low"]).isdisjoint(second["low"])
        assert set(pairs["content_hash"]).isdisjoint(second["content_hash"])


@pytest.fixture
def table(tmp_path):
    """One item with an input, a reference and two systems, the second at 22.05 kHz."""
    reference = noise(1.0, 7, channels=1)
    low = low_pass(reference, RATE, LowPass("chebyshev", 8, 4000))
    sounds = {"input": low, "reference": reference, "audiosr": reference[:, :-20]}
    rows = []
    for system, audio in sounds.items():
        write_audio(tmp_path / f"x_{system}.wav", audio, RATE)
        rows.append(("x", "speech", 4.0, system, str(tmp_path / f"x_{system}.wav")))
    write_audio(tmp_path / "x_half.wav", reference[:, ::2], RATE // 2)
    rows.append(("x", "speech", 4.0, "half", str(tmp_path / "x_half.wav")))
    return pd.DataFrame(rows, columns=["item", "category", "cutoff_khz", "system", "path"])


def test_given_pairs_keep_their_files_and_other_rates_are_resampled(table, tmp_path):
    pairs, rejected = made(pd.DataFrame(), tmp_path / "given", table)
    pair = pairs.iloc[0]
    systems = json.loads(pair["systems"])
    assert list(pairs.columns) == COLUMNS
    assert rejected.empty
    assert (pair["pair_id"], pair["clip_id"], pair["group"], pair["samples"]) == ("x_4kHz", "x", "x", RATE)
    assert Path(systems["audiosr"]).resolve() == (tmp_path / "x_audiosr.wav").resolve()
    resampled, rate = read_audio(systems["half"])
    assert (rate, abs(resampled.shape[1] - RATE) <= 1) == (RATE, True)


def test_an_item_without_reference_or_with_a_short_output_is_refused(table, tmp_path):
    pairs, rejected = pairs_from_table(table[table["system"] != "reference"], tmp_path / "given")
    assert pairs.empty
    assert rejected["reason"][0] == "the item has no reference"
    write_audio(tmp_path / "x_audiosr.wav", noise(0.5, channels=1), RATE)
    pairs, rejected = pairs_from_table(table, tmp_path / "given")
    assert list(json.loads(pairs["systems"][0])) == ["half"]
    assert "audiosr is 0.50 s shorter" in rejected["reason"][0]
