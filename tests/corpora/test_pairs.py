"""Evaluation pairs, by their file names or by an index: an input, a reference, and other systems' outputs."""

import pytest

from corpus_files import write_tree
from saga_kedro.corpora.pairs import COLUMNS, find_pairs

PATTERN = "{category}_{item}_{order}_{system}.wav"
INDEX = "item,category,cutoff_khz,system,path\n"


def named(*items):
    return [f"{item}_{system}.wav" for item in items for system in ("0_lr", "1_saga_sr", "2_hr")]


def test_names_that_fit_the_pattern_are_pairs(tmp_path):
    pairs, rejected = find_pairs(write_tree(tmp_path, *named("s_0", "m_0", "f_2")), pattern=PATTERN, cutoff_khz=4.0)
    assert list(pairs.columns) == COLUMNS
    assert dict(zip(pairs["item"], pairs["category"], strict=True)) == {"s_0": "speech", "m_0": "music", "f_2": "effects"}
    assert set(pairs["system"]) == {"input", "reference", "saga_sr"}
    assert (pairs["cutoff_khz"] == 4.0).all()
    assert rejected.empty


def test_the_pattern_may_hold_folders_and_the_cutoff(tmp_path):
    paths = [f"{system}/{khz}/{item}.flac" for system in ("low", "high") for khz in ("4", "8.0") for item in ("a", "b")]
    pairs, _ = find_pairs(write_tree(tmp_path, *paths), pattern="{system}/{cutoff_khz}/{item}.flac")
    assert set(pairs["cutoff_khz"]) == {4.0, 8.0}
    assert set(pairs["category"]) == {"other"}
    assert len(pairs) == 8


def test_an_index_says_the_same(tmp_path):
    write_tree(tmp_path, "x/1.wav", "x/2.wav", "x/3.wav")
    lines = ["a,music,8,input,x/1.wav", "a,music,8,reference,x/2.wav", "a,music,8,theirs,x/3.wav", "b,music,8,input,gone.wav"]
    (tmp_path / "pairs.csv").write_text(INDEX + "\n".join(lines))
    pairs, rejected = find_pairs(tmp_path, index="pairs.csv")
    assert pairs.to_dict("list") == {
        "item": ["a"] * 3, "category": ["music"] * 3, "cutoff_khz": [8.0] * 3,
        "system": ["input", "reference", "theirs"], "path": ["x/1.wav", "x/2.wav", "x/3.wav"],
    }  # fmt: skip
    assert list(rejected["reason"]) == ["unreadable: no such file"]


def test_what_is_no_pair_is_rejected_and_the_rest_goes_on(tmp_path):
    write_tree(tmp_path, *named("s_0", "m_0"), "m_0_3_lr.wav", "s_1_0_lr.wav", "m_1_2_hr.wav", "q_0_0_lr.wav", "notes.wav")
    (tmp_path / "s_0_3_broken.wav").write_text("no audio")
    pairs, rejected = find_pairs(tmp_path, pattern=PATTERN, cutoff_khz=4.0)
    assert set(pairs["item"]) == {"s_0"}
    reasons = dict(zip(rejected["path"], rejected["reason"], strict=True))
    assert reasons["s_1_0_lr.wav"] == "item s_1 at 4 kHz has no reference"
    assert reasons["m_1_2_hr.wav"] == "item m_1 at 4 kHz has no input"
    assert reasons["m_0_0_lr.wav"] == "item m_0 at 4 kHz has input more than once"
    assert reasons["q_0_0_lr.wav"] == "unknown category 'q'"
    assert reasons["notes.wav"].startswith("its name does not fit")
    assert reasons["s_0_3_broken.wav"].startswith("unreadable")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "need an index"),
        ({"index": "gone.csv"}, "There is no index"),
        ({"index": "short.csv"}, "lacks the column system and path"),
        ({"pattern": "{item}.wav"}, "needs the fields {item} and {system}"),
        ({"pattern": "{item}_{item}_{system}.wav"}, "each field only once"),
        ({"pattern": PATTERN}, "cutoff of .* is not known"),
    ],
)
def test_what_is_missing_is_said(tmp_path, arguments, sentence):
    write_tree(tmp_path, *named("s_0"))
    (tmp_path / "short.csv").write_text("item,category\n")
    with pytest.raises(ValueError, match=sentence.replace("{", r"\{")):
        find_pairs(tmp_path, **arguments)
