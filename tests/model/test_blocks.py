"""Long clips in blocks and pieces: nothing is left out or done twice, and any part can be drawn alone."""

from itertools import pairwise

import numpy as np
import pytest

from saga_kedro.model import blocks as module
from saga_kedro.model.blocks import FADE, blocks, joined, noise_at, pieces
from saga_kedro.model.windows import window_starts

HOP = 1_024


@pytest.mark.parametrize("seconds", [1, 40, 61, 100, 600])
@pytest.mark.parametrize("length", [16, 128])
def test_blocks_cover_a_clip_and_have_a_fade_in_common(seconds, length, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_SECONDS", 40.0)
    frames = max(length, seconds * 44_100 // HOP)
    starts = window_starts(frames, length)
    made = blocks(starts, length, HOP)
    assert (made[0].begin, made[-1].end) == (0, frames * HOP)
    assert sorted({block.first + start for block in made for start in block.starts}) == starts
    for left, right in pairwise(made):
        assert left.end - right.begin == FADE
        # 4 s of shared audio on both sides of the fade
        assert (left.first + left.frames) * HOP - left.end > 3.5 * 44_100
        assert right.begin - right.first * HOP > 3.5 * 44_100
    for block in made:
        assert block.first * HOP <= block.begin < block.end <= (block.first + block.frames) * HOP
        assert block.starts[0] == 0
        assert block.frames == block.starts[-1] + length


def test_a_clip_of_a_few_minutes_is_one_block():
    assert len(blocks(window_starts(12_000, 128), 128, HOP)) == 1


@pytest.mark.parametrize(("begin", "end", "total"), [(0, 100, 100), (8, 100, 120), (0, 5, 5), (40, 41, 90)])
def test_pieces_cover_a_range_once_with_margins(begin, end, total):
    covered: list[int] = []
    for wide, keep in pieces(begin, end, total, 32, 6):
        assert wide.start >= 0
        assert wide.stop <= total
        kept = range(wide.start, wide.stop)[keep]
        covered += kept
        assert kept.start - wide.start == min(6, kept.start)
        assert wide.stop - kept.stop == min(6, total - kept.stop)
    assert covered == list(range(begin, end))


def test_noise_depends_on_place_seed_and_purpose_only():
    whole = noise_at(3, "noise", 4, 0, 1_000)
    assert np.array_equal(noise_at(3, "noise", 4, 250, 300), whole[:, 250:550])
    assert not np.array_equal(noise_at(4, "noise", 4, 0, 1_000), whole)
    assert not np.array_equal(noise_at(3, "z_l", 4, 0, 1_000), whole)
    assert abs(whole.std().item() - 1) < 0.05


def test_streams_are_joined_by_fading():
    ones, twos = np.ones((2, 30_000), np.float32), np.full((2, 20_000), 2, np.float32)
    parts = list(joined(iter([iter(np.split(ones, 6, axis=1)), iter(np.split(twos, 10, axis=1))])))
    together = np.concatenate(parts, axis=1)
    assert together.shape == (2, 50_000 - FADE)
    assert (together[:, : 30_000 - FADE] == 1).all()
    assert (together[:, 30_000:] == 2).all()
    assert (np.diff(together[0, 30_000 - FADE : 30_000]) > 0).all()


def test_one_stream_shorter_than_a_fade_stays_as_it_is():
    assert np.concatenate(list(joined(iter([iter([np.ones((1, 5)), np.ones((1, 6))])]))), axis=1).shape == (1, 11)
