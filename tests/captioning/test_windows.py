import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_kedro.captioning.windows import window_at, window_table

RATE = 44_100


def clip(seconds, clip_id="a"):
    return pd.DataFrame({"clip_id": [clip_id], "samples": [round(seconds * RATE)]})


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (0.3, [0]),  # a short clip is one window
        (5.94, [0]),
        (7.0, [0]),  # a tail under 1.5 s has none
        (7.5, [0, 5.94]),
        (12.0, [0, 5.94]),
        (20.0, [0, 5.94, 11.88, 17.82]),
    ],
)
def test_windows_follow_each_other_every_5_94_s(seconds, starts):
    windows = window_table(clip(seconds))
    assert windows["start_s"].tolist() == pytest.approx(starts, abs=1e-4)
    assert windows["window"].tolist() == list(range(len(starts)))


def test_clips_keep_their_order_and_the_authors_segment_is_261_954_samples():
    windows = window_table(pd.concat([clip(8, "b"), clip(1, "a")]))
    assert windows[["clip_id", "window"]].values.tolist() == [["b", 0], ["b", 1], ["a", 0]]
    assert windows["samples"].tolist() == [261_954, 8 * RATE - 261_954, RATE]
    assert window_table(clip(1).iloc[:0]).columns.tolist() == ["clip_id", "window", "start_s", "start", "samples"]


@given(samples=st.integers(1, 60 * RATE), share=st.floats(0, 1))
def test_every_time_of_a_clip_has_a_window_and_windows_stay_inside_it(samples, share):
    windows = window_table(pd.DataFrame({"clip_id": ["a"], "samples": [samples]}))
    row = windows.iloc[window_at(share * samples / RATE, len(windows))]
    end = row["start_s"] + row["samples"] / RATE
    assert row["start_s"] - 1e-4 <= share * samples / RATE < end + 1.5
    assert (windows["start"] + windows["samples"]).max() <= samples
    assert windows["samples"].min() > 0
