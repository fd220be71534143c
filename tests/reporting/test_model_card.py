"""The card of a model that leaves the project says what it was made of, in a few words."""

from typing import Any

import pandas as pd
import pytest

from git_repositories import entry
from saga_kedro.parameters import Parameters
from saga_kedro.reporting.ship import model_card
from scratch_project import base_parameters, merged

SUMMARY = {"yardsticks": {"rolloff/rmse": 0.18, "rolloff/rmse_of_median": 0.21}, "weights": "abc"}


def card(*licences: str, groups: tuple[str, ...] = (), **changes: Any) -> str:
    columns = {"split": "train", "category": "music", "duration_s": 1800.0, "licence": licences, "group": groups or licences}
    parameters = Parameters.model_validate(merged(base_parameters(), changes))
    pairs = headline = pd.DataFrame({"row": ["ours"], "music 4kHz": ["1.00"]})
    return model_card(SUMMARY, parameters, pd.DataFrame(columns), pairs, headline, 8_800_000)


def test_hours_errors_licences_and_what_was_heard_are_those_of_the_corpus():
    text = card("GPL-2", "GPL-2", ingest={"source": "folder", "path": "/audio"})
    assert "| hours of training | music 1.00 |" in text
    assert "root mean square error 0.180 of the Nyquist frequency (the training median: 0.210)" in text
    assert "It has heard that corpus and nothing else." in text
    assert "games' music" in card("GPL-2", ingest={"source": "debian"}, repositories=[])
    assert "the corpus: GPL, CC-BY-SA, CC0 |" in card("CC-BY-SA-3.0, GPL-2+", "GPL-3 with font exception, CC0-1.0")
    assert "the corpus: GPL and others |" in card("GPL-2, GAP-Makefile.in")


def test_repositories_are_listed_with_commit_licence_and_whom_to_name():
    audio = {"folder": "a", "category": "music"}
    listed = [entry(name, "0123456789" * 4, audio, attribution=f"{name[:3]} & co").model_dump() for name in ("ann/a", "bob/b")]
    groups = ("ann/a/x", "pack/y")
    for source, packages in (("git", 0), ("debian+git", 1)):
        text = card("CC-BY-4.0", "Unlicense", groups=groups, ingest={"source": source}, repositories=listed)
        recordings = text.split("## Recordings")[1].split("## Limits")[0]
        assert "[ann/a](https://example.org/ann/a)" in recordings
        assert all(part in recordings for part in ("0123456789" * 4, "CC-BY-4.0", "ann & co"))
        assert "bob/b" not in recordings  # it could not be had
        assert text.count("of the git repositories under Recordings |") == 1
        assert text.count("Debian packages klettres-data") == packages
        assert "the corpus: CC-BY, Unlicense |" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fit": {"start": "shipped"}}, "s, begun from the weights that were in `shipped`, `kedro run"),
        ({"model": {"text": {"encoder": "none"}}}, "trained without captions |"),
        (
            {"vary": {"denoise": True}, "sample": {"noise_floor": 1.0}},
            "`--noise-floor` says how much of it, from 0 to 1 (1 unless told).",
        ),
    ],
)
def test_start_captions_and_noise_floors_are_spoken_of_where_they_matter(changes, says):
    assert says in card("GPL-2", **changes)
    assert not any(word in card("GPL-2") for word in ("begun from", "captions", "--noise-floor", "Recordings"))
