"""The card of a model that leaves the project says what it was made of, in a few words."""

from __future__ import annotations

import pandas as pd

from saga_kedro.reporting.model_card import model_card
from scratch_project import base_parameters

SUMMARY = {"yardsticks": {"rolloff/rmse": 0.18, "rolloff/rmse_of_median": 0.21}, "weights": "abc"}


def card(*licences: str) -> str:
    manifest = pd.DataFrame({"split": "train", "category": "music", "duration_s": 1800.0, "licence": licences})
    pairs = headline = pd.DataFrame({"row": ["ours"], "music 4kHz": ["1.00"]})
    return model_card(SUMMARY, base_parameters(), manifest, pairs, headline, 8_800_000)


def test_licences_are_named_by_family_once():
    text = card("CC-BY-SA-3.0, GPL-2+", "GPL-3 with font exception, CC0-1.0")
    assert "the corpus: GPL, CC-BY-SA, CC0 |" in text


def test_what_is_no_known_family_is_said_to_be_there():
    assert "the corpus: GPL and others |" in card("GPL-2, GAP-Makefile.in")


def test_hours_and_errors_are_those_that_were_measured():
    text = card("GPL-2", "GPL-2")
    assert "| hours of training | music 1.00 |" in text
    assert "root mean square error 0.180 of the Nyquist frequency (the training median: 0.210)" in text
