"""Nobody is in two splits, and the same seed gives the same splits."""

from __future__ import annotations

import pandas as pd
import pytest

from corpus_files import clip, manifest_of
from saga_kedro.corpora.splits import assign_splits


def many(category="speech", groups=20, takes=5, first=0, **fields):
    numbers = range(groups * takes)
    return [clip(first + n, group=f"{category}-{n % groups}", category=category, **fields) for n in numbers]


def share(manifest, split):
    rows = manifest[manifest["split"] == split]
    return (rows["end_s"] - rows["start_s"]).sum() / (manifest["end_s"] - manifest["start_s"]).sum()


def test_a_group_is_in_one_split_only():
    splits = assign_splits(manifest_of(*many()), seed=0)
    assert splits.groupby("group")["split"].nunique().max() == 1
    assert len(splits) == 100


def test_every_category_is_in_every_split_with_its_share():
    splits = assign_splits(manifest_of(*many(), *many("music", first=1000, duration_s=90.0)), 0, validation=0.2, test=0.1)
    for _, rows in splits.groupby("category"):
        assert share(rows, "validation") == pytest.approx(0.2, abs=0.051)
        assert share(rows, "test") == pytest.approx(0.1, abs=0.051)


def test_the_seed_decides():
    manifest = manifest_of(*many())
    pd.testing.assert_frame_equal(assign_splits(manifest, 0), assign_splits(manifest, 0))
    assert (assign_splits(manifest, 0)["split"] != assign_splits(manifest, 1)["split"]).any()


def test_neither_the_order_of_clips_nor_another_category_changes_a_split():
    clips = many()
    alone = assign_splits(manifest_of(*clips), 0).set_index("clip_id")["split"]
    among = assign_splits(manifest_of(*many("effects", first=1000), *reversed(clips)), 0).set_index("clip_id")["split"]
    assert among[alone.index].equals(alone)


def test_the_rows_keep_the_order_of_the_clips():
    clips = [*many("music", 4, 2), *many("effects", 1, 2, first=100)]
    assert list(dict.fromkeys(assign_splits(manifest_of(*clips), 0)["path"])) == [one.path for one in clips]


def test_three_groups_get_a_split_each():
    splits = assign_splits(manifest_of(*many(groups=3, takes=4)), 0)
    assert set(splits["split"]) == {"train", "validation", "test"}


@pytest.mark.parametrize("groups", [1, 2])
def test_with_fewer_groups_every_clip_is_divided_by_time(groups):
    splits = assign_splits(manifest_of(*many(groups=groups, takes=3)), 0, validation=0.2, test=0.1)
    assert not splits["clip_id"].duplicated().any()
    for _, rows in splits.groupby("path"):
        assert list(rows["clip_id"].str[-2:]) == ["-0", "-1", "-2"]
        assert list(rows["split"]) == ["train", "validation", "test"]
        assert list(rows["start_s"]) == pytest.approx([0.0, 7.0, 9.0])
        assert list(rows["end_s"]) == pytest.approx([7.0, 9.0, 10.0])


def test_clips_too_short_to_divide_go_whole_to_one_split():
    splits = assign_splits(manifest_of(*many(groups=1, takes=30, duration_s=0.5)), 0)
    assert len(splits) == 30
    assert set(splits["split"]) == {"train", "validation", "test"}
    assert (splits["end_s"] == 0.5).all()


def test_a_single_short_clip_is_for_training():
    assert list(assign_splits(manifest_of(clip(0, duration_s=0.3)), 0)["split"]) == ["train"]


def test_an_official_test_split_is_the_test_split_and_nothing_else_is():
    official = [clip(1000 + n, group=f"held-out-{n % 3}", official_split="test") for n in range(6)]
    splits = assign_splits(manifest_of(*many(official_split="train"), *official, *many("music", first=2000)), 0)
    speech = splits[splits["category"] == "speech"]
    assert set(speech.loc[speech["split"] == "test", "clip_id"]) == {one.clip_id for one in official}
    assert {"train", "validation"} <= set(speech["split"])
    assert "test" in set(splits.loc[splits["category"] == "music", "split"])


def test_a_category_that_is_all_official_test_has_nothing_else():
    splits = assign_splits(manifest_of(*(clip(n, official_split="test") for n in range(5))), 0)
    assert set(splits["split"]) == {"test"}


def test_a_share_of_nothing_makes_no_split():
    assert set(assign_splits(manifest_of(*many()), 0, validation=0.0, test=0.0)["split"]) == {"train"}
    divided = assign_splits(manifest_of(clip(0)), 0, validation=0.1, test=0.0)
    assert list(divided["split"]) == ["train", "validation"]


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.0, 1.0)])
def test_shares_that_leave_nothing_to_train_on_are_refused(validation, test):
    with pytest.raises(ValueError, match="add up to less than 1"):
        assign_splits(manifest_of(clip(0)), 0, validation, test)
