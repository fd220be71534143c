"""Nobody is in two splits, and the same seed gives the same splits."""

import pytest

from corpus_files import clip
from saga_kedro.corpora.manifest import manifest_frame
from saga_kedro.corpora.splits import assign_splits


def many(category="speech", groups=20, takes=5, first=0, **fields):
    numbers = range(groups * takes)
    return [clip(first + n, group=f"{category}-{n % groups}", category=category, **fields) for n in numbers]


def divided(*clips, seed=0, **shares):
    return assign_splits(manifest_frame(clips), seed, **shares)


def share(manifest, split):
    rows = manifest[manifest["split"] == split]
    return (rows["end_s"] - rows["start_s"]).sum() / (manifest["end_s"] - manifest["start_s"]).sum()


def test_a_group_is_in_one_split_only_and_every_category_in_every_split_with_its_share():
    splits = divided(*many(), *many("music", first=1000, duration_s=90.0), validation=0.2, test=0.1)
    assert splits.groupby("group")["split"].nunique().max() == 1
    for _, rows in splits.groupby("category"):
        assert len(rows) == 100
        assert share(rows, "validation") == pytest.approx(0.2, abs=0.051)
        assert share(rows, "test") == pytest.approx(0.1, abs=0.051)


def test_the_seed_decides_and_neither_the_order_of_clips_nor_another_category_changes_a_split():
    clips = many()
    assert (divided(*clips)["split"] != divided(*clips, seed=1)["split"]).any()
    alone = divided(*clips).set_index("clip_id")["split"]
    among = divided(*many("effects", first=1000), *reversed(clips)).set_index("clip_id")["split"]
    assert among[alone.index].equals(alone)


def test_the_rows_keep_the_order_of_the_clips():
    clips = [*many("music", 4, 2), *many("effects", 1, 2, first=100)]
    assert list(dict.fromkeys(divided(*clips)["path"])) == [one.path for one in clips]


@pytest.mark.parametrize("groups", [1, 2])
def test_with_fewer_groups_every_clip_is_divided_by_time(groups):
    splits = divided(*many(groups=groups, takes=3), validation=0.2, test=0.1)
    assert not splits["clip_id"].duplicated().any()
    for _, rows in splits.groupby("path"):
        assert list(rows["clip_id"].str[-2:]) == ["-0", "-1", "-2"]
        assert list(rows["split"]) == ["train", "validation", "test"]
        assert list(rows["start_s"]) == pytest.approx([0.0, 7.0, 9.0])
        assert list(rows["end_s"]) == pytest.approx([7.0, 9.0, 10.0])


@pytest.mark.parametrize("clips", [many(groups=1, takes=30, duration_s=0.5), many(groups=3, takes=4)])
def test_three_groups_or_clips_too_short_to_divide_get_a_split_each(clips):
    splits = divided(*clips)
    assert len(splits) == len(clips)
    assert set(splits["split"]) == {"train", "validation", "test"}
    assert (splits["end_s"] == clips[0].duration_s).all()
    assert list(divided(clip(0, duration_s=0.3))["split"]) == ["train"]


def test_an_official_test_split_is_the_test_split_and_nothing_else_is():
    official = [clip(1000 + n, group=f"held-out-{n % 3}", official_split="test") for n in range(6)]
    splits = divided(*many(official_split="train"), *official, *many("music", first=2000))
    speech = splits[splits["category"] == "speech"]
    assert set(speech.loc[speech["split"] == "test", "clip_id"]) == {one.clip_id for one in official}
    assert {"train", "validation"} <= set(speech["split"])
    assert "test" in set(splits.loc[splits["category"] == "music", "split"])
    assert set(divided(*official)["split"]) == {"test"}


def origins():
    """Speech of four origins, effects of two of them, music of others."""
    names = ["pack/a", "pack/b", "ann/voices", "bob/voices/x", "bob/voices/y", "bob/voices-2", "eve/voices"]
    speech = [clip(n, group=name) for n, name in enumerate(names)]
    effects = [clip(50 + n, group=f"{name}/{n}", category="effects") for n, name in enumerate(["pack"] * 9 + ["bob/voices"])]
    return [*speech, *effects, *many("music", first=1000)]


def in_split(splits, category, split):
    return set(splits.loc[(splits["category"] == category) & (splits["split"] == split), "group"])


def test_origins_that_are_held_out_are_the_split_and_other_categories_are_divided_as_before():
    held_out = {"validation": ["pack"], "test": ["bob/voices"]}
    before, splits = (divided(*origins(), held_out=held) for held in ({}, held_out))
    assert in_split(splits, "speech", "validation") == {"pack/a", "pack/b"}
    assert in_split(splits, "speech", "test") == {"bob/voices/x", "bob/voices/y"}
    assert in_split(splits, "speech", "train") == {"ann/voices", "bob/voices-2", "eve/voices"}
    for split in ("train", "validation", "test"):
        assert in_split(splits, "music", split) == in_split(before, "music", split)


def test_the_other_split_is_divided_from_the_rest_as_before():
    for split, other in (("test", "validation"), ("validation", "test")):
        splits = divided(*origins(), held_out={split: ["bob/voices"]})
        assert in_split(splits, "effects", split) == {"bob/voices/9"}
        assert in_split(splits, "effects", other)
        assert in_split(splits, "effects", "train")
        assert splits.groupby(["category", "group"])["split"].nunique().max() == 1


def test_a_held_out_origin_and_an_official_test_split_are_both_the_test_split_even_where_no_share_is_asked_for():
    official = clip(500, group="official", official_split="test")
    splits = divided(official, *origins(), validation=0, test=0, held_out={"test": ["ann/voices"]})
    assert in_split(splits, "speech", "test") == {"official", "ann/voices"}
    assert set(splits["split"]) == {"train", "test"}


@pytest.mark.parametrize("name", ["bo", "pac", "pack/", "nobody/nothing"])
def test_an_origin_that_no_group_is_of_is_refused(name):
    with pytest.raises(ValueError, match=rf"Nothing of {name} is in the corpus.*ingest.held_out.test"):
        divided(*origins(), held_out={"validation": ["pack"], "test": [name]})


def test_a_share_of_nothing_makes_no_split():
    assert set(divided(*many(), validation=0.0, test=0.0)["split"]) == {"train"}
    assert list(divided(clip(0), validation=0.1, test=0.0)["split"]) == ["train", "validation"]


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.0, 1.0)])
def test_shares_that_leave_nothing_to_train_on_are_refused(validation, test):
    with pytest.raises(ValueError, match="add up to less than 1"):
        divided(clip(0), validation=validation, test=test)
