import pandas as pd
import pytest

from saga_kedro.captioning.table import captions_from_table

RATE = 44_100
WINDOW = 2.0
CLIPS = pd.DataFrame(
    {
        "clip_id": ["1234567890123456", "12e4567890123456"],  # both could pass for numbers
        "samples": [5 * RATE, 1 * RATE],
        "path": ["music/long.wav", "speech/short.wav"],
    }
)


def write(folder, rows, suffix=".csv"):
    path = folder / f"captions{suffix}"
    frame = pd.DataFrame(rows)
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_clips_caption_holds_for_all_its_windows(suffix, tmp_path):
    table = write(tmp_path, {"clip_id": CLIPS["clip_id"], "caption": ["a long one", " nan "]}, suffix)
    captions, left_out = captions_from_table(table, CLIPS, WINDOW)
    assert captions.columns.tolist() == ["clip_id", "window", "start_s", "caption"]
    assert captions["caption"].tolist() == ["a long one", "a long one", "nan"]
    assert left_out.empty


def test_captions_by_window(tmp_path):
    rows = {"clip_id": [*CLIPS["clip_id"], CLIPS["clip_id"][0]], "window": [1, 0, 0], "caption": ["second", "short", "first"]}
    captions, _ = captions_from_table(write(tmp_path, rows), CLIPS, WINDOW)
    assert captions["caption"].tolist() == ["first", "second", "short"]


def test_captions_by_time_hold_until_the_next_one(tmp_path):
    rows = {"path": ["music/long.wav"] * 3 + ["speech/short.wav"], "start_s": [0, 2.9, 3.5, 0.8], "caption": list("abcd")}
    captions, _ = captions_from_table(write(tmp_path, rows), CLIPS, WINDOW)
    # middles: 1 s, 3 s; the short clip has nothing before its middle, so its first caption
    assert captions["caption"].tolist() == ["a", "b", "d"]


def test_times_are_of_the_file_where_a_clip_is_a_range_of_it(tmp_path):
    clips = CLIPS.assign(path="music/long.wav", start_s=[0.0, 60.0])
    rows = {"path": ["music/long.wav"] * 2, "start_s": [0, 59], "caption": ["start", "minute"]}
    captions, _ = captions_from_table(write(tmp_path, rows), clips, WINDOW)
    assert captions["caption"].tolist() == ["start", "start", "minute"]


def test_paths_may_start_at_the_table_or_at_the_project_or_at_the_root(tmp_path):
    (tmp_path / "corpus" / "music").mkdir(parents=True)
    (tmp_path / "corpus" / "music" / "long.wav").touch()
    clips = CLIPS.assign(path=["corpus/music/long.wav", "speech/short.wav"])
    rows = {"path": ["music/long.wav", str(tmp_path / "speech/short.wav")], "caption": ["long", "short"]}
    captions, left_out = captions_from_table(write(tmp_path / "corpus", rows), clips, WINDOW, project=tmp_path)
    assert captions["caption"].tolist() == ["long", "long", "short"]
    assert left_out.empty


def test_clips_without_a_caption_are_left_out_with_the_reason(tmp_path):
    rows = {"clip_id": [CLIPS["clip_id"][0], "ffffffffffffffff"], "window": [0, 0], "caption": ["first", "of another corpus"]}
    captions, left_out = captions_from_table(write(tmp_path, rows), CLIPS, WINDOW)
    assert captions.empty
    assert left_out.values.tolist() == [
        ["1234567890123456", "no caption for window 1"],
        ["12e4567890123456", "not in the caption table"],
    ]


def test_an_empty_caption_is_none(tmp_path):
    table = write(tmp_path, {"clip_id": CLIPS["clip_id"], "caption": ["  ", "short"]})
    captions, left_out = captions_from_table(table, CLIPS, WINDOW)
    assert captions["caption"].tolist() == ["short"]
    assert left_out["clip_id"].tolist() == [CLIPS["clip_id"][0]]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"clip_id": ["a"], "text": ["b"]}, "needs a column caption"),
        ({"caption": ["b"]}, "clip_id and path"),
        ({"clip_id": ["a", "a"], "caption": ["b", "c"]}, "two captions for a"),
        ({"clip_id": ["a"], "window": ["first"], "caption": ["b"]}, "'first', which is not a number"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(rows, says, tmp_path):
    with pytest.raises(ValueError, match=says):
        captions_from_table(write(tmp_path, rows), CLIPS, WINDOW)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        captions_from_table(tmp_path / "captions.txt", CLIPS, WINDOW)
    with pytest.raises(ValueError, match="cannot be read"):
        captions_from_table(tmp_path / "nothing.csv", CLIPS, WINDOW)
    (tmp_path / "broken.parquet").write_bytes(b"PAR?")
    with pytest.raises(ValueError, match="cannot be read"):
        captions_from_table(tmp_path / "broken.parquet", CLIPS, WINDOW)
