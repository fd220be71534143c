"""Long clips in windows, blocks and pieces: nothing is left out or done twice, any part can be drawn alone."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from saga_kedro.draws import generator, rng
from saga_kedro.model import blocks as module
from saga_kedro.model.blocks import FADE, blocks, cross_fade, cut, joined, noise_at, pieces, window_starts
from saga_kedro.model.silence import digital_silence

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
    short = [np.ones((1, 5)), np.ones((1, 6))]  # less than a fade stays as it is
    assert np.concatenate(list(joined(iter([iter(short)]))), axis=1).shape == (1, 11)


@pytest.mark.parametrize("frames", [16, 17, 28, 29, 100])
def test_cutting_and_fading_gives_the_latent_back(frames):
    z = torch.randn(3, frames, generator=generator(0, "z"))
    starts = window_starts(frames, 16)
    assert starts[0] == 0
    assert starts[-1] == frames - 16
    torch.testing.assert_close(cross_fade(cut(z, starts, 16), starts, frames), z)


def test_windows_that_disagree_fade_into_each_other():
    faded = cross_fade(torch.stack([torch.zeros(1, 16), torch.ones(1, 16)]), [0, 12], 28)[0]
    assert bool((faded[:12] == 0).all())
    assert bool((faded[16:] == 1).all())
    torch.testing.assert_close(faded[12:16], torch.tensor([0.2, 0.4, 0.6, 0.8]))


def test_windows_overlap_by_a_quarter_and_fewer_frames_than_one_are_refused():
    assert window_starts(40, 16) == [0, 12, 24]
    assert len(blocks(window_starts(12_000, 128), 128, HOP)) == 1  # a few minutes
    with pytest.raises(ValueError, match="pad them first"):
        window_starts(15, 16)


def test_stretches_of_nothing_are_silence_in_each_channel_by_itself():
    audio = rng(0, "noise").standard_normal((2, 10_000)).astype(np.float32)
    audio[0, 2_000:5_000] = 0
    audio[:, 9_000:] = 1e-9  # less than 24 bits can hold, but too short
    silent = digital_silence(audio)
    assert silent[0, 2_000:5_000].all()
    assert silent.sum() == 3_000
    assert not digital_silence(1e-6 * rng(0, "noise").standard_normal((1, 44_100)).astype(np.float32)).any()
    assert digital_silence(np.zeros((1, 100), np.float32)).all()  # shorter than any stretch
    assert digital_silence(np.zeros((2, 0), np.float32)).shape == (2, 0)
