import pandas as pd
import pytest

from saga_kedro.captioning.table import captions_from_table

RATE = 44_100
WINDOW = 2.0
CLIPS = pd.DataFrame({"clip_id": ["1234567890123456", "12e4567890123456"], "samples": [5 * RATE, 1 * RATE]})  # ids like numbers
LONG, SHORT = CLIPS["clip_id"]


def write(folder, rows, suffix=".csv"):
    path = folder / f"captions{suffix}"
    frame = pd.DataFrame(rows)
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_clips_caption_holds_for_all_its_windows(suffix, tmp_path):
    table = write(tmp_path, {"clip_id": [LONG, SHORT, "of another corpus"], "caption": ["a long one", " nan ", "x"]}, suffix)
    captions = captions_from_table(table, CLIPS, WINDOW)
    assert captions.columns.tolist() == ["clip_id", "window", "start_s", "caption"]
    assert captions["caption"].tolist() == ["a long one", "a long one", "nan"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_captions_by_window(suffix, tmp_path):
    rows = {"clip_id": [LONG, SHORT, LONG], "window": [1, 0, 0], "caption": ["second", "short", "first"]}
    captions = captions_from_table(write(tmp_path, rows, suffix), CLIPS, WINDOW)
    assert captions["caption"].tolist() == ["first", "second", "short"]


@pytest.mark.parametrize(
    "rows",
    [
        {"clip_id": [LONG, SHORT], "window": [0, 0], "caption": ["first", "short"]},
        {"clip_id": [LONG, SHORT], "caption": [" ", "short"]},
        {"clip_id": [SHORT], "caption": ["short"]},
    ],
    ids=["no second window", "empty", "no row"],
)
def test_a_clip_without_a_caption_is_named(rows, tmp_path):
    table = write(tmp_path, rows)
    with pytest.raises(ValueError, match=f"captions.csv has no caption for 1 of 2 clips, such as {LONG}: add their rows"):
        captions_from_table(table, CLIPS, WINDOW)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"clip_id": ["a"], "text": ["b"]}, "needs the columns clip_id and caption; it has clip_id, text"),
        ({"path": ["a.wav"], "caption": ["b"]}, "needs the columns clip_id and caption"),
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
