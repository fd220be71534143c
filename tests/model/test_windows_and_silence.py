"""Windows cover latents of any length and fade into each other; digital silence is found, quiet audio is not."""

import numpy as np
import pytest
import torch

from saga_kedro.draws import generator, rng
from saga_kedro.model.silence import digital_silence
from saga_kedro.model.windows import cross_fade, cut, window_starts


@pytest.mark.parametrize("frames", [16, 17, 28, 29, 100])
def test_cutting_and_fading_gives_the_latent_back(frames):
    z = torch.randn(3, frames, generator=generator(0, "z"))
    starts = window_starts(frames, 16)
    assert starts[0] == 0
    assert starts[-1] == frames - 16
    torch.testing.assert_close(cross_fade(cut(z, starts, 16), starts, frames), z)


def test_windows_overlap_by_a_quarter():
    assert window_starts(40, 16) == [0, 12, 24]


def test_windows_that_disagree_fade_into_each_other():
    faded = cross_fade(torch.stack([torch.zeros(1, 16), torch.ones(1, 16)]), [0, 12], 28)[0]
    assert bool((faded[:12] == 0).all())
    assert bool((faded[16:] == 1).all())
    torch.testing.assert_close(faded[12:16], torch.tensor([0.2, 0.4, 0.6, 0.8]))


def test_fewer_frames_than_a_window_are_refused():
    with pytest.raises(ValueError, match="pad them first"):
        window_starts(15, 16)


def test_stretches_of_nothing_are_silence_in_each_channel_by_itself():
    audio = rng(0, "noise").standard_normal((2, 10_000)).astype(np.float32)
    audio[0, 2_000:5_000] = 0
    audio[:, 9_000:] = 1e-9  # less than 24 bits can hold, but too short
    silent = digital_silence(audio)
    assert silent[0, 2_000:5_000].all()
    assert silent.sum() == 3_000


def test_quiet_audio_is_not_silence():
    audio = 1e-6 * rng(0, "noise").standard_normal((1, 44_100)).astype(np.float32)
    assert not digital_silence(audio).any()


def test_a_clip_shorter_than_any_stretch_can_be_silent():
    assert digital_silence(np.zeros((1, 100), np.float32)).all()
    assert digital_silence(np.zeros((2, 0), np.float32)).shape == (2, 0)
