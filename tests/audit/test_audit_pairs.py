"""The evaluation pairs of an audit: long ones first, each as long as it is, the same ones every time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import write_audio
from saga_kedro.audit.data import choose_pairs, described, read_pairs

SECONDS = {"a": 0.4, "b": 2.0, "c": 3.0, "d": 1.0}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for name, seconds in SECONDS.items():
        audio = np.full((2, round(seconds * SAMPLE_RATE)), 0.01, np.float32)
        audio[:, -SAMPLE_RATE // 4 :] = 0.5
        for kind in ("low", "reference"):
            write_audio(folder / f"{name}_{kind}.flac", audio, SAMPLE_RATE)
        files = {kind: str(folder / f"{name}_{kind}.flac") for kind in ("low", "reference")}
        rows.append({"pair_id": name, "category": "effects", "cutoff_khz": 4.0, "samples": audio.shape[1], **files})
    return pd.DataFrame(rows).assign(content_hash=lambda table: table["pair_id"])


def test_pairs_that_fill_the_excerpt_come_first_by_their_id_then_the_longest(pairs):
    assert choose_pairs(pairs, 1, seconds=1.5)["pair_id"].tolist() == ["b"]
    assert choose_pairs(pairs, 3, seconds=1.5)["pair_id"].tolist() == ["b", "c", "d"]
    assert choose_pairs(pairs.iloc[::-1], 3, seconds=1.5)["pair_id"].tolist() == ["b", "c", "d"]


def test_a_short_pair_is_used_whole_and_shortens_no_other_and_of_a_long_one_the_loudest_stretch(pairs):
    sounds, _ = read_pairs(pairs, seconds=1.5)
    assert [sound.reference.shape[1] / SAMPLE_RATE for sound in sounds] == [0.4, 1.5, 1.5, 1.0]
    assert all(sound.low.shape == sound.reference.shape for sound in sounds)
    assert np.abs(sounds[2].reference[:, -SAMPLE_RATE // 4 :]).min() > 0.4


def test_a_description_gives_the_range_of_lengths(pairs):
    assert described(read_pairs(pairs, seconds=1.5)[0]) == "4 pairs of 0.4 to 1.5 s: effects at 4 kHz"
    (short, *_), _ = read_pairs(pairs[1:3], seconds=1.5)
    long = replace(short, reference=np.zeros((2, 10 * SAMPLE_RATE), np.float32))
    assert described([short]) == "1 pairs of 1.5 s: effects at 4 kHz"
    assert described([long, short]) == "2 pairs of 1.5 to 10.0 s: effects at 4 kHz", "ordered as numbers"
