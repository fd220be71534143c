"""The paper's table under our names, and the gap to it."""

import math
from pathlib import Path

import pandas as pd
import pytest

from saga_kedro.reporting.likeness import Likeness
from saga_kedro.reporting.targets import READING_NOTE, checked_targets, gap, paper_runs, target_metrics

TABLE = Path(__file__).parents[2] / "conf" / "base" / "paper_targets.csv"


@pytest.fixture(scope="module")
def targets():
    return checked_targets(pd.read_csv(TABLE))


def test_the_papers_numbers_carry_our_names(targets):
    saga = target_metrics(targets)
    assert saga["eval/LSD/speech/4kHz"] == 1.28
    assert saga["eval/LSD/effects/8kHz"] == 1.43
    assert saga["eval/FD/music/4kHz"] == 23.87
    assert saga["eval/MOS/effects/4kHz"] == 3.88
    assert "eval/FD/speech/4kHz" not in saga


def test_every_system_is_a_run_that_says_what_it_is(targets):
    runs = {run.name: run for run in paper_runs(targets)}
    assert {"paper: SAGA-SR", "paper: AudioSR", "paper: FlashSR", "paper: unprocessed"} <= set(runs)
    assert runs["paper: AudioSR"].metrics["eval/LSD/music/4kHz"] == 2.09
    assert "arXiv:2509.24924" in runs["paper: AudioSR"].description
    assert READING_NOTE in runs["paper: AudioSR"].description
    assert "reading order alone" in READING_NOTE


def test_the_gap_is_ours_minus_the_papers_where_both_exist(targets):
    measured = {
        "eval/LSD/speech/4kHz": 1.5,
        "eval/LSD/other/4kHz": 1.0,
        "eval_codec/LSD/speech/4kHz": 0.7,
        "eval/LSD/music/4kHz": math.nan,
    }
    assert gap(measured, target_metrics(targets)) == {"gap/LSD/speech/4kHz": pytest.approx(0.22)}
    assert gap(measured, target_metrics(targets, "audiosr")) == {"gap/LSD/speech/4kHz": pytest.approx(0.04)}
    assert gap({}, target_metrics(targets)) == {}


def test_an_unknown_system_and_a_broken_table_are_one_sentence(targets):
    with pytest.raises(ValueError, match="no system 'nusr'; it has audiosr"):
        target_metrics(targets, "nusr")
    with pytest.raises(ValueError, match="lacks the columns source, table"):
        checked_targets(pd.DataFrame({"system": ["a"]}))


def test_only_the_papers_codec_data_and_test_set_make_a_reproduction():
    assert Likeness(True, True, True).is_reproduction
    assert Likeness(True, True, True).tags()["paper.reproduction"] == "yes"
    embedded = Likeness(codec=False, data=False, test_set=True)
    assert embedded.tags() == {"paper.codec": "no", "paper.data": "no", "paper.test_set": "yes", "paper.reproduction": "no"}
    assert embedded.sentence().startswith("The codec and training data of this run are not the paper's")
    assert Likeness(True, True, False).sentence().startswith("The test set of this run is not the paper's")
