"""Which segments training sees: named draws, equal shares of the categories, no clip cut short without saying so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from saga_kedro.audio.rolloff import rolloff
from saga_kedro.training.fit import make_segments
from saga_kedro.training.segments import Draws, Order
from small_corpus import captions_of, states_of, tiny_parameters, write_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def segments(clips):
    captions = captions_of(clips)
    return make_segments(clips, captions, states_of(captions), tiny_parameters(), "train")


def test_categories_come_equally_often_however_much_there_is_of_each():
    clips = pd.DataFrame({"category": ["speech"] * 9 + ["music"], "samples": [5 * 44_100] * 10})
    drawn = Counter(clips["category"][Order(clips, 0).at(draw)[0]] for draw in range(60))
    assert drawn == {"speech": 30, "music": 30}


def test_a_long_clip_counts_once_per_five_seconds():
    clips = pd.DataFrame({"category": ["music"] * 2, "samples": [20 * 44_100, 5 * 44_100]})
    drawn = Counter(Order(clips, 0).at(draw)[0] for draw in range(50))
    assert drawn == {0: 40, 1: 10}


def test_every_slot_comes_once_a_round_in_another_order_each_round():
    clips = pd.DataFrame({"category": ["music"] * 12, "samples": [44_100] * 12})
    order = Order(clips, 0)
    rounds = [[order.at(draw)[0] for draw in range(start, start + 12)] for start in (0, 12)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(12))
    assert rounds[0] != rounds[1]


def test_a_draw_is_the_same_whatever_was_drawn_before(segments):
    first = segments[7]
    for draw in (3, 20, 1):
        segments[draw]
    again = segments[7]
    assert first["name"] == again["name"]
    assert torch.equal(first["low"], again["low"])
    assert torch.equal(first["high"], again["high"])


def test_rolloffs_are_those_of_input_and_target(segments):
    example = segments[0]
    f_l, f_h = rolloff(torch.stack([example["low"], example["high"]]))
    assert (example["f_l"], example["f_h"]) == (f_l, f_h)
    assert f_l < f_h


def test_the_input_is_the_target_low_passed_between_2_and_16_khz(segments):
    for draw in range(6):
        example = segments[draw]
        spectrum = torch.fft.rfft(example["low"][0]).abs()
        assert spectrum[-1_000:].mean() < 1e-2 * spectrum[100:1_000].mean()  # above 21 kHz nothing is left
        assert not torch.equal(example["low"], example["high"])


def test_an_input_may_be_rounded_as_a_file_would_hold_it(clips, segments):
    captions = captions_of(clips)
    parameters = tiny_parameters(degrade={"bits": 16})
    rounded = make_segments(clips, captions, states_of(captions), parameters, "train")[3]
    steps = rounded["low"] * 2**15
    assert torch.equal(steps, steps.round())
    assert torch.equal(rounded["high"], segments[3]["high"])
    assert (rounded["low"] - segments[3]["low"]).abs().max() <= 2**-16 + 1e-7


def test_a_clip_shorter_than_a_segment_is_joined_with_others_of_its_group(tmp_path):
    clips = write_clips(tmp_path, seconds=0.5)
    captions = captions_of(clips)
    long = tiny_parameters(model={"segment_samples": 40_000})  # 0.9 s: two clips of a group, not three
    segments = make_segments(clips[clips["category"] == "music"], captions, states_of(captions), long, "train")
    by_group = {bool(np.any(segments[draw]["high"].numpy()[:, -1])): segments[draw]["valid"] for draw in range(6)}
    assert by_group[True] == 40_000


def test_what_no_clip_can_fill_is_zeros_and_said_not_to_be_audio(tmp_path):
    clips = write_clips(tmp_path, seconds=0.3, per_category=2)
    captions = captions_of(clips)
    segments = make_segments(clips, captions, states_of(captions), tiny_parameters(), "train")
    example = segments[0]
    assert example["valid"] == 13_230
    assert not example["high"][:, 13_230:].any()


def test_processes_share_the_draws_out_without_a_gap_or_a_repeat():
    alone = sorted(draw for batch in Draws(first=24, batches=4, batch_size=6) for draw in batch)
    together = [draw for rank in (0, 1) for batch in Draws(24, 4, 3, rank, world_size=2) for draw in batch]
    assert sorted(together) == alone == list(range(24, 48))


def test_text_is_padded_with_zeros(segments):
    text = segments[0]["text"]
    assert text.shape == (tiny_parameters().model.text.max_tokens, 384)
    assert text[:5].any(dim=1).all()
    assert not text[5:].any()


def test_an_empty_split_is_said(clips):
    captions = captions_of(clips)
    with pytest.raises(ValueError, match="no clip to draw segments from"):
        make_segments(clips, captions, states_of(captions), tiny_parameters(), "test")


def test_clips_that_carry_too_little_are_not_trained_on(clips):
    captions = captions_of(clips)
    dull = clips.assign(bandwidth_hz=[5_000.0 if category == "music" else 20_000.0 for category in clips["category"]])
    wide = tiny_parameters(fit={"minimum_bandwidth_hz": 16_000.0})
    assert "music" not in set(make_segments(dull, captions, states_of(captions), wide, "train").clips["category"])
