"""Which segments training sees: named draws, equal shares of the categories, no clip cut short without saying so."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch

from saga_kedro.audio.rolloff import rolloff
from saga_kedro.training.examples import few_of_each_origin, origins_of
from saga_kedro.training.segments import Order, slots_of
from small_corpus import segments_of_clips, write_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def segments(clips):
    return segments_of_clips(clips)


def test_categories_come_equally_often_and_in_one_a_long_clip_once_per_five_seconds():
    clips = pd.DataFrame({"category": ["speech"] + ["music"] * 2, "samples": [5 * 44_100, 20 * 44_100, 5 * 44_100]})
    drawn = Counter(Order(clips, 0).at(draw)[0] for draw in range(100))
    assert drawn == {0: 50, 1: 40, 2: 10}


def test_every_slot_comes_once_a_round_in_another_order_each_round():
    clips = pd.DataFrame({"category": ["music"] * 12, "samples": [44_100] * 12})
    order = Order(clips, 0)
    rounds = [[order.at(draw)[0] for draw in range(start, start + 12)] for start in (0, 12)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(12))
    assert rounds[0] != rounds[1]


def test_the_input_is_the_target_low_passed_between_2_and_16_khz_and_rolloffs_are_theirs(segments):
    for draw in range(6):
        example = segments[draw]
        f_l, f_h = rolloff(torch.stack([example["low"], example["high"]]))
        assert (example["f_l"], example["f_h"]) == (f_l, f_h)
        assert f_l < f_h
        spectrum = torch.fft.rfft(example["low"][0] * torch.hann_window(example["low"].shape[-1])).abs()
        assert spectrum[-1_000:].mean() < 1e-2 * spectrum[100:1_000].mean()  # above 21 kHz nothing is left
        assert not torch.equal(example["low"], example["high"])


def test_an_input_may_be_rounded_as_a_file_would_hold_it(clips, segments):
    rounded = segments_of_clips(clips, degrade={"bits": 16})[3]
    steps = rounded["low"] * 2**15
    assert torch.equal(steps, steps.round())
    assert torch.equal(rounded["high"], segments[3]["high"])
    assert (rounded["low"] - segments[3]["low"]).abs().max() <= 2**-16 + 1e-7


def test_a_clip_shorter_than_a_segment_is_joined_with_others_of_its_group(tmp_path):
    clips = write_clips(tmp_path, seconds=0.5)
    music = clips[clips["category"] == "music"]
    segments = segments_of_clips(music, model={"segment_samples": 40_000})  # 0.9 s: two clips of a group, not three
    by_group = {bool(np.any(segments[draw]["high"].numpy()[:, -1])): segments[draw]["valid"] for draw in range(6)}
    assert by_group[True] == 40_000


def test_what_no_clip_can_fill_is_zeros_and_said_not_to_be_audio(tmp_path):
    example = segments_of_clips(write_clips(tmp_path, seconds=0.3, per_category=2))[0]
    assert example["valid"] == 13_230
    assert not example["high"][:, 13_230:].any()


def test_clips_that_carry_too_little_are_not_trained_on_and_an_empty_split_is_an_error(clips):
    with pytest.raises(ValueError, match="no clip to draw segments from"):
        segments_of_clips(clips, "test")
    dull = clips.assign(bandwidth_hz=[5_000.0 if category == "music" else 20_000.0 for category in clips["category"]])
    wide = segments_of_clips(dull, fit={"minimum_bandwidth_hz": 16_000.0})
    assert "music" not in wide.clips.table["category"].to_pylist()


def drawn(clips, ensemble):
    return segments_of_clips(clips, vary={"ensemble": ensemble}, model={"segment_samples": 16_384})


def crops(segments, category):
    """The first visit of every slot of a category."""
    rows = [row for row, name in enumerate(segments.clips.table["category"].to_pylist()) if name == category]
    return [segments.crop(row, 0, 0) for row in rows]


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """Clips shorter than two segments."""
    return write_clips(tmp_path_factory.mktemp("notes"), seconds=0.6)


def test_short_music_clips_are_heard_together_and_no_others(notes, clips):
    for table, category in ((notes, "speech"), (notes, "effects"), (notes, "music"), (clips, "music")):
        alone, together = (crops(drawn(table, ensemble), category) for ensemble in (0.0, 1.0))
        changed = [not np.array_equal(one.high, other.high) for one, other in zip(alone, together, strict=True)]
        assert changed == [table is notes and category == "music"] * len(changed)
        assert [one.caption for one in alone] == [other.caption for other in together]


def test_an_ensemble_is_the_same_each_time_fills_the_segment_and_stays_within_full_scale(notes):
    first, again = (crops(drawn(notes, 1.0), "music") for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.high, other.high)
        assert one.valid == one.high.shape[1] == 16_384
        assert np.abs(one.high).max() <= 1
    loud = drawn(notes, 1.0)
    read = loud._read
    loud._read = lambda row, start, name: (40 * read(row, start, name)[0], *read(row, start, name)[1:])
    assert max(np.abs(crop.high).max() for crop in crops(loud, "music")) == pytest.approx(1, abs=1e-3)


def test_an_ensemble_carries_no_more_than_the_dullest_of_its_voices_and_is_mixed_as_often_as_asked_for(notes):
    dull = notes.assign(bandwidth_hz=[5_000.0 if clip == "music0" else 20_000.0 for clip in notes["clip_id"]])
    bandwidths = {crop.bandwidth_hz for crop in crops(drawn(dull, 1.0), "music")}
    assert {5_000.0} <= bandwidths <= {5_000.0, 20_000.0}
    alone, sometimes = drawn(notes, 0.0), drawn(notes, 0.5)
    row = alone.clips.table["category"].to_pylist().index("music")
    mixed = [not np.array_equal(alone.crop(row, 0, k).high, sometimes.crop(row, 0, k).high) for k in range(60)]
    assert 0.3 < np.mean(mixed) < 0.7


@pytest.fixture
def uneven():
    """A package of forty clips of 5 s, one of a single clip of a minute, one of two short clips."""
    rows = [("large", 5.0)] * 40 + [("long", 60.0)] + [("small", 1.0)] * 2
    return pd.DataFrame(
        {
            "clip_id": [f"clip {number}" for number in range(len(rows))],
            "group": [f"{origin}/{number % 7}" for number, (origin, _) in enumerate(rows)],
            "category": "music",
            "samples": [int(seconds * 44_100) for _, seconds in rows],
        }
    )


def test_no_origin_gives_more_segments_of_a_category_than_it_may_and_each_gives_a_clip(uneven):
    few = few_of_each_origin(uneven, 10, seed=0)
    slots = few.assign(slots=slots_of(few["samples"])).groupby(origins_of(few))["slots"].sum()
    assert slots.to_dict() == {"large": 10, "long": 12, "small": 2}
    both = uneven.assign(category=["speech" if number < 20 else "music" for number in range(len(uneven))])
    few = few_of_each_origin(both, 10, seed=0)
    assert few[origins_of(few) == "large"]["category"].value_counts().to_dict() == {"speech": 10, "music": 10}


def test_they_are_the_same_every_time_in_their_order_and_others_with_another_seed(uneven):
    first, again, other = (few_of_each_origin(uneven, 10, seed)["clip_id"].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first == [clip for clip in uneven["clip_id"] if clip in first]
    shuffled = few_of_each_origin(uneven.sample(frac=1, random_state=0), 10, 0)
    assert set(shuffled["clip_id"]) == set(first)


def test_training_draws_from_these_clips_alone(clips):
    one = segments_of_clips(clips, fit={"segments_per_origin": 1})
    assert sorted(one.clips.table["clip_id"].to_pylist()) == sorted(
        few_of_each_origin(clips[clips["split"] == "train"], 1, 0)["clip_id"]
    )
    assert len(one.clips) < (clips["split"] == "train").sum()
