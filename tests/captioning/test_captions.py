import numpy as np
import pandas as pd
import pytest

from saga_kedro.audio.io import UnreadableAudio, read_audio, write_audio
from saga_kedro.captioning import captions
from saga_kedro.captioning.captions import caption_clips
from saga_kedro.captioning.descriptors import DescriptorCaptioner, caption
from saga_kedro.draws import rng
from saga_kedro.files import content_hash
from saga_kedro.parameters import Caption

RATE = 44_100
WINDOW = 2.0


class Counting:
    """Captions every window with its number of samples, and remembers the batches."""

    def __init__(self, batch_size=3, stop_after=None):
        self.parameters = {"captioner": "counting"}
        self.batch_size = batch_size
        self.stop_after = stop_after
        self.batches = []

    def __call__(self, windows, rate):
        if self.stop_after is not None and len(self.batches) >= self.stop_after:
            raise KeyboardInterrupt
        self.batches.append(len(windows))
        return [f"{window.shape[-1]} samples at {rate}" for window in windows]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for name, seconds in (("b", 5.0), ("a", 1.0), ("c", 4.0), ("d", 7.6)):
        audio = 0.1 * rng(0, name).standard_normal((2, round(seconds * RATE)))
        path = folder / f"{name}.flac"
        write_audio(path, audio.astype(np.float32), RATE)
        low = folder / f"{name}-low.flac"
        write_audio(low, np.zeros_like(audio, dtype=np.float32), RATE)
        rows.append((name, path.as_posix(), low.as_posix(), audio.shape[1], content_hash(path)))
    return pd.DataFrame(rows, columns=["clip_id", "flac", "low", "samples", "content_hash"])


def test_every_window_of_every_clip_has_the_caption_of_its_audio(clips, tmp_path):
    table = caption_clips(clips, DescriptorCaptioner(), WINDOW, tmp_path, "flac")
    assert table.columns.tolist() == ["clip_id", "window", "start_s", "caption"]
    assert table["clip_id"].tolist() == ["b", "b", "a", "c", "c", "d", "d", "d", "d"]
    assert table["start_s"].tolist() == [0, 2, 0, 0, 2, 0, 2, 4, 6]
    for row in table.itertuples():
        path = clips.set_index("clip_id")["flac"][row.clip_id]
        audio, _ = read_audio(path, round(row.start_s * RATE), round(WINDOW * RATE))
        assert row.caption == caption(audio, RATE)


def test_clips_are_captioned_but_those_of_the_test_split_and_pairs_from_their_low_resolution_side(clips, tmp_path):
    settings = Caption(source="descriptors", path=None, window_seconds=WINDOW, batch_size=1, max_new_tokens=1)
    table = captions.caption(clips.assign(split=["train", "test", "validation", "test"]), settings, tmp_path)
    assert table["clip_id"].tolist() == ["b", "b", "c", "c"]
    assert "Silence." not in set(table["caption"])
    table = captions.caption_pairs(clips.rename(columns={"clip_id": "pair_id"}), settings, tmp_path / "pairs")
    assert table.columns.tolist() == ["pair_id", "window", "start_s", "caption"]
    assert set(table["caption"]) == {"Silence."}


@pytest.mark.parametrize("batches", [8, 1], ids=["one group", "groups of b and a; c and d"])
def test_batches_span_clips_and_each_window_gets_its_own_caption(batches, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(captions, "BATCHES", batches)
    captioner = Counting(batch_size=3)
    table = caption_clips(clips, captioner, WINDOW, tmp_path, "flac")
    assert captioner.batches == [3, 3, 3]
    lengths = [int(text.split()[0]) / RATE for text in table["caption"]]
    assert lengths == pytest.approx([2, 2, 1, 2, 2, 2, 2, 2, 1.6])


def test_a_group_whose_worker_was_killed_is_done_again_without_the_clips_that_were_finished(clips, tmp_path, monkeypatch):
    groups = []

    def twice(function, items, describe, captioner, **_):
        groups.extend(items)
        with pytest.raises(KeyboardInterrupt):
            function(groups[0], captioner)
        captioner.stop_after = None
        return [function(groups[0], captioner)]

    monkeypatch.setattr(captions, "parallel_map", twice)
    captioner = Counting(batch_size=3, stop_after=1)
    caption_clips(clips, captioner, WINDOW, tmp_path, "flac")
    assert len(groups) == 1
    assert sum(captioner.batches) == 9  # every window once


def test_a_killed_run_continues_where_it_was(clips, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        caption_clips(clips, Counting(stop_after=1), WINDOW, tmp_path, "flac")
    rest, again = Counting(), Counting()
    table = caption_clips(clips, rest, WINDOW, tmp_path, "flac")
    assert sum(rest.batches) == 6  # two clips, three windows, were finished
    pd.testing.assert_frame_equal(table, caption_clips(clips, Counting(), WINDOW, tmp_path / "new", "flac"))
    pd.testing.assert_frame_equal(table, caption_clips(clips, again, WINDOW, tmp_path, "flac"))
    assert again.batches == []


@pytest.mark.parametrize("change", ["content", "window", "captioner", "code"])
def test_what_a_caption_depends_on_makes_it_due_again(change, clips, tmp_path, monkeypatch):
    caption_clips(clips, Counting(), WINDOW, tmp_path, "flac")
    captioner = Counting()
    if change == "content":
        clips = clips.assign(content_hash=clips["content_hash"].where(clips["clip_id"] != "a", "other"))
    if change == "captioner":
        captioner.parameters = {"captioner": "counting", "prompt": "another"}
    if change == "code":
        monkeypatch.setattr("saga_kedro.captioning.captions.code", lambda stage: f"other code of {stage}")
    caption_clips(clips, captioner, 2.5 if change == "window" else WINDOW, tmp_path, "flac")
    assert sum(captioner.batches) == {"content": 1, "window": 8, "captioner": 9, "code": 9}[change]


@pytest.mark.parametrize("captioner", [DescriptorCaptioner(), Counting()], ids=["in processes", "in batches"])
def test_an_unreadable_clip_is_named_after_all_others_are_done(captioner, clips, tmp_path):
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"not audio")
    clips = clips.assign(flac=clips["flac"].where(clips["clip_id"] != "a", str(broken)))
    with pytest.raises(UnreadableAudio, match=r"1 of 4 clips .*broken\.flac"):
        caption_clips(clips, captioner, WINDOW, tmp_path / "cache", "flac")
    assert len(list((tmp_path / "cache").glob("*.json"))) == 3


def test_a_table_that_is_wrong_is_refused_and_an_empty_one_is_not(clips, tmp_path):
    with pytest.raises(UnreadableAudio, match="found 0 samples"):
        caption_clips(clips.assign(samples=clips["samples"] + 10 * RATE), Counting(), WINDOW, tmp_path, "flac")
    with pytest.raises(ValueError, match="Two clips are called b"):
        caption_clips(pd.concat([clips, clips]), Counting(), WINDOW, tmp_path, "flac")
    assert caption_clips(clips.iloc[:0], DescriptorCaptioner(), WINDOW, tmp_path, "flac").empty
