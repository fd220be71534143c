"""A clip's treatment follows from where its signal ends, and a person's cutoff overrides that."""

import pytest

from saga_kedro.audio.bandwidth import Bandwidth
from saga_kedro.model.treatment import treatment

FULL = Bandwidth(22_050.0, "full")


@pytest.mark.parametrize(("ends", "low_pass", "why"), [("edge", False, "4.0 kHz"), ("ragged", True, "lossy codec")])
def test_the_input_is_kept_up_to_an_edge_and_a_ragged_one_is_cut_cleanly_first(ends, low_pass, why):
    todo = treatment(Bandwidth(4_000.0, ends))
    assert (todo.cutoff_hz, todo.low_pass) == (4_000.0, low_pass)
    assert why in todo.why


def test_full_band_dark_and_silent_clips_are_left_as_they_are():
    for bandwidth in (FULL, Bandwidth(800.0, "dark"), Bandwidth(0.0, "silent")):
        assert treatment(bandwidth).cutoff_hz is None
    assert "--cutoff" in treatment(FULL).why


def test_a_file_of_a_low_rate_carries_nothing_above_half_of_it():
    assert treatment(FULL, sample_rate=16_000).cutoff_hz == 8_000
    assert treatment(Bandwidth(9_000.0, "edge"), sample_rate=16_000).cutoff_hz == 8_000


def test_a_cutoff_that_is_asked_for_holds_and_what_is_above_is_not_heard():
    assert treatment(FULL, asked_hz=5_000).low_pass
    assert treatment(FULL, asked_hz=5_000).cutoff_hz == 5_000
    assert not treatment(Bandwidth(4_100.0, "edge"), asked_hz=4_000).low_pass
    assert treatment(Bandwidth(0.0, "silent"), asked_hz=4_000).cutoff_hz is None


@pytest.mark.parametrize("asked", [0, 999, 22_051, float("nan")])
def test_a_cutoff_out_of_range_is_refused(asked):
    with pytest.raises(ValueError, match="A cutoff lies between"):
        treatment(FULL, asked_hz=asked)
