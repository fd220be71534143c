"""The table of noise floors: one of each group of training clips that has one, as far as its files can tell."""

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import write_audio
from saga_kedro.model.noise_floor import HERTZ, ROWS, Floor
from saga_kedro.training.noise_floors import BELOW_REACH, floors_of, floors_of_clips, floors_of_groups
from sounds import bursts_over_noise


@pytest.fixture
def corpus(tmp_path):
    """Makes clips: group, name of the file that each is of, level of its noise in dB, seconds."""

    def write(*wanted, bandwidth_hz=20_000.0):
        rows = []
        for number, (group, source, noise_db, seconds) in enumerate(wanted):
            audio, _ = bursts_over_noise(noise_db, seconds, channels=1)
            path = tmp_path / f"{number}.flac"
            write_audio(path, audio, SAMPLE_RATE)
            rows.append((f"clip {number}", group, source, bandwidth_hz, audio.shape[1], str(path)))
        return pd.DataFrame(rows, columns=["clip_id", "group", "path", "bandwidth_hz", "samples", "flac"])

    return write


def level_db(floor):
    return floor.level_db[(HERTZ > 1_500) & (HERTZ < 10_000)].mean()


def test_each_group_has_one_floor_the_mean_of_its_clips_in_decibels(corpus):
    clips = corpus(("v/a/1", "x.wav", -70.0, 3.0), ("v/a/1", "y.wav", -60.0, 3.0), ("v/a/2", "z.wav", -50.0, 3.0))
    floors = floors_of(clips, 0, workers=1)
    assert [floor.origin for floor in floors] == ["v/a"] * 2
    assert sorted(map(level_db, floors)) == pytest.approx([-65, -50], abs=1.5)


@pytest.mark.parametrize(
    ("source", "bandwidth_hz", "reach_hz"),
    [(f"x{suffix}", 20_000.0, 12_000) for suffix in (".ogg", ".mp3", ".OGG", ".opus", ".oga")]
    + [("x.flac", 16_000.0, BELOW_REACH * 16_000), ("x.ogg", 8_000.0, BELOW_REACH * 8_000)],
)
def test_a_floor_is_known_nearly_up_to_the_bandwidth_and_what_an_encoder_wrote_up_to_12_khz_only(
    corpus, source, bandwidth_hz, reach_hz
):
    (floor,) = floors_of(corpus(("a/1", source, -60.0, 3.0), bandwidth_hz=bandwidth_hz), 0, workers=1)
    assert floor.reach_hz == pytest.approx(reach_hz)


def test_groups_without_a_floor_and_clips_too_short_are_left_out(corpus, tmp_path):
    clips = corpus(("a/1", "x.wav", -60.0, 3.0), ("b/1", "y.wav", -120.0, 3.0), ("c/1", "z.wav", -60.0, 1.0))
    rain = 0.01 * np.random.default_rng(0).standard_normal((1, 3 * SAMPLE_RATE)).astype(np.float32)
    write_audio(tmp_path / "rain.flac", rain, SAMPLE_RATE)
    clips.loc[3] = ("rain", "d/1", "rain.wav", 20_000.0, rain.shape[1], str(tmp_path / "rain.flac"))
    assert [floor.origin for floor in floors_of(clips, 0, workers=1)] == ["a"]
    assert floors_of(clips[1:], 0, workers=1) == []


def test_of_a_large_group_some_clips_are_enough_the_same_ones_every_time(corpus):
    clips = corpus(*[("a/1", "x.wav", -60.0 - 2 * number, 1.5) for number in range(6)])

    def floor_of_two(rows):
        (floor,) = floors_of_groups(floors_of_clips(rows, 0, workers=1, per_group=2))
        return floor

    first = floor_of_two(clips)
    for other in (floor_of_two(clips), floor_of_two(clips[::-1])):
        np.testing.assert_allclose(other.level_db, first.level_db)
    (every,) = floors_of(clips, 0, workers=1)
    assert level_db(every) == pytest.approx(-65, abs=1.5)
    assert not np.allclose(every.level_db, first.level_db)


def test_a_table_holds_no_more_than_it_has_rows():
    floor = Floor(np.zeros(len(HERTZ)), 12_000.0, "a")
    assert len(floors_of_groups([(f"a/{number}", floor) for number in range(ROWS + 1)])) == ROWS
