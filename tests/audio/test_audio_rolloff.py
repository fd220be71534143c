"""Roll-off: 98.5 % of the magnitude, as the authors compute it; beside librosa's."""

import librosa
import numpy as np
import pytest
import torch

from saga_kedro.audio.rolloff import rolloff, rolloff_from_hz


def authors(mono):
    accumulated = np.cumsum(np.abs(librosa.stft(mono, n_fft=2_048)).astype(np.float64).sum(axis=-1))
    below = [k for k in range(1, 1_025) if accumulated[k] < 0.985 * accumulated[-1]]
    return max(below, default=0) / 1_025


@pytest.fixture(scope="module")
def clips():
    noise = np.random.default_rng(0).standard_normal((3, 2, 30_000))
    coloured = np.stack([np.cumsum(noise[0], axis=-1), noise[1], np.diff(noise[2], prepend=0)])
    return torch.from_numpy(0.1 * coloured / np.abs(coloured).max(axis=(1, 2), keepdims=True)).float()


def test_it_is_the_last_bin_under_the_share_over_1025(clips):
    measured = rolloff(clips)
    assert measured.shape == (3,)
    assert measured.tolist() == pytest.approx([authors(clip.mean(dim=0).numpy()) for clip in clips], abs=1e-7)


def test_batch_equals_single_and_arrays_are_taken(clips):
    assert torch.equal(torch.cat([rolloff(clip) for clip in clips]), rolloff(clips))
    assert rolloff(clips[0].numpy()).tolist() == rolloff(clips[:1]).tolist()
    opposite = torch.stack([clips[0, 0], -clips[0, 0]])  # of stereo it is the channel mean's
    assert rolloff(opposite).tolist() == [0]


def test_silence_and_nothing_roll_off_at_zero():
    assert rolloff(torch.zeros(2, 2, 5_000)).tolist() == [0, 0]
    assert rolloff(torch.zeros(2, 2, 0)).tolist() == [0, 0]


def test_the_dial_in_hz():
    assert rolloff_from_hz(16_000) == pytest.approx(0.7249, abs=1e-4)
    with pytest.raises(ValueError, match="between 0 and 22050 Hz"):
        rolloff_from_hz(22_050)
