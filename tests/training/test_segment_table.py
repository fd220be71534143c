"""Segments of a corpus of any size: a table that processes map into memory, pickled as its path."""

import pickle

import numpy as np
import pandas as pd
import pytest

from saga_kedro.training.examples import make_segments, table_path
from saga_kedro.training.segment_table import SegmentTable
from saga_kedro.training.segments import Segments
from small_corpus import captions_of, states_of, tiny_parameters, write_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"), seconds=0.6, per_category=4)


def table(**columns):
    rows = {"clip_id": list("abc"), "group": list("ppq"), "category": "music", "bandwidth_hz": 1.0, "samples": 9, "flac": "x"}
    return pd.DataFrame(rows | columns)


def windows(*rows):
    return pd.DataFrame(rows, columns=["clip_id", "window", "caption"])


def test_a_clip_has_the_rows_of_its_group_and_the_captions_of_its_windows_whatever_the_order_of_the_table():
    captions = windows(("b", 1, "b1"), ("c", 0, "c0"), ("a", 0, "a0"), ("of no clip", 0, "x"), ("b", 0, "old"), ("b", 0, "b0"))
    held = SegmentTable.of_frames(table(group=list("pqp")), captions)
    assert [held.captions(row).to_pylist() for row in range(3)] == [["a0"], ["b0", "b1"], ["c0"]]
    assert [held.group(row).tolist() for row in range(3)] == [[0, 2], [1], [0, 2]]


def test_captions_that_pandas_holds_in_chunks_are_the_same(tmp_path):
    captions = windows(*((clip, window, f"{clip}{window}") for clip in "abc" for window in range(4)))
    captions.to_parquet(tmp_path / "captions.parquet", row_group_size=5)
    held = SegmentTable.of_frames(table(), pd.read_parquet(tmp_path / "captions.parquet"))
    assert held.captions(1).to_pylist() == ["b0", "b1", "b2", "b3"]


@pytest.mark.parametrize("given", [[("a", 0, ""), ("b", 0, "")], [("a", 0, ""), ("b", 1, ""), ("c", 0, "")]])
def test_a_window_without_a_caption_is_said(given):
    with pytest.raises(ValueError, match="1 clips lack the caption of a window, such as [bc]: run the pipeline `caption`"):
        SegmentTable.of_frames(table(), windows(*given))


def test_segments_of_a_file_are_those_of_the_frames_and_are_pickled_as_its_path(clips, tmp_path):
    captions, parameters = captions_of(clips), tiny_parameters(vary={"ensemble": 0.5})
    states = states_of(captions)
    in_memory = make_segments(clips, captions, states, parameters, "train")
    make_segments(clips, captions, states, parameters, "train", tmp_path)
    held = SegmentTable.open(table_path(tmp_path, "train"))
    assert (held.samples.flags.writeable, held.samples.flags.owndata) == (False, False)  # mapped, not read
    pickled = pickle.dumps(Segments(held, {}, parameters, "train"))
    assert len(pickled) < 4_000
    elsewhere = pickle.loads(pickled)
    assert len(in_memory) == len(elsewhere)
    for draw in range(12):
        visit = in_memory.order.at(draw)
        assert elsewhere.order.at(draw) == visit
        assert elsewhere.name(*visit) == in_memory.name(*visit)
        ours, theirs = elsewhere.crop(*visit), in_memory.crop(*visit)
        assert np.array_equal(ours.high, theirs.high)
        assert (ours.bandwidth_hz, ours.valid, ours.caption) == (theirs.bandwidth_hz, theirs.valid, theirs.caption)
