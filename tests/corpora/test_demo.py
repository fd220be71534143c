"""The synthesised corpus: the same bytes for the same seed, and sounds that are worth training on."""

import numpy as np
import pytest
from scipy import signal

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import audio_info
from saga_kedro.corpora import demo
from saga_kedro.corpora.demo import GROUPS, INDEX, MAKE, plan, synthesise, write_demo
from saga_kedro.corpora.folder import find_folder

MINUTES = 0.4


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, 0, MINUTES, workers=1)
    return folder


@pytest.fixture(scope="module")
def clips():
    """Two clips of each category as the default corpus has them, by category."""
    planned = plan(seed=0, minutes=10.0)
    return {name: [synthesise(clip, 0) for clip in [clip for clip in planned if clip.category == name][:2]] for name in MAKE}


def test_the_same_seed_gives_the_same_bytes(corpus, tmp_path):
    write_demo(tmp_path, 0, MINUTES, workers=2)
    assert contents(tmp_path) == contents(corpus)


def test_another_seed_gives_other_sounds_and_leaves_nothing_behind(corpus, tmp_path):
    write_demo(tmp_path, 0, 0.2, workers=1)
    write_demo(tmp_path, 1, 0.1, workers=1)
    assert len(list(tmp_path.rglob("*.flac"))) == len(find_folder(tmp_path, INDEX)) == 3 * GROUPS
    before = contents(corpus)
    assert not [path for path, content in contents(tmp_path).items() if path.endswith(".flac") and content == before.get(path)]


def times(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.flac"))}


def test_a_finished_corpus_stays_and_one_that_lost_a_file_or_is_of_other_code_is_made_again(corpus, tmp_path, monkeypatch):
    before = times(corpus)
    write_demo(corpus, 0, MINUTES)
    assert times(corpus) == before
    write_demo(tmp_path, 0, MINUTES, workers=1)
    next(tmp_path.rglob("*.flac")).unlink()
    write_demo(tmp_path, 0, MINUTES, workers=1)
    assert contents(tmp_path) == contents(corpus)
    before = times(tmp_path)
    monkeypatch.setattr(demo, "code", lambda stage: "other")
    write_demo(tmp_path, 0, MINUTES, workers=1)
    assert all(time > before[path] for path, time in times(tmp_path).items())


def test_the_index_lists_every_file_with_category_and_group_and_they_last_as_long_as_they_should(corpus):
    sources = find_folder(corpus, INDEX)
    assert sorted(source.path for source in sources) == sorted(corpus.rglob("*.flac"))
    for category in MAKE:
        assert len({source.group for source in sources if source.category == category}) == GROUPS
    infos = [audio_info(source.path) for source in sources]
    assert sum(info.duration_s for info in infos) == pytest.approx(60 * MINUTES, rel=0.01)
    assert {(info.rate, info.channels) for info in infos} == {(SAMPLE_RATE, 2)}


def test_the_default_is_ten_minutes_of_clips_of_five_to_twelve_seconds():
    planned = plan(seed=0, minutes=10.0)
    seconds = np.array([clip.samples for clip in planned]) / SAMPLE_RATE
    assert seconds.sum() == pytest.approx(600, rel=0.01)
    assert 60 <= len(planned) <= 75
    assert seconds.min() > 4
    assert seconds.max() < 14


@pytest.mark.parametrize("category", MAKE)
def test_there_is_content_up_to_20_khz_and_it_follows_what_is_below_it(clips, category):
    correlations = []
    for audio in clips[category]:
        frequencies, _, power = signal.spectrogram(audio.mean(axis=0), SAMPLE_RATE, nperseg=1024)
        # in its loud moments the treble is clearly above the noise floor that its quiet moments show
        quiet, loud = 10 * np.log10(np.percentile(power, (5, 99), axis=1) + 1e-20)
        treble = (frequencies > 16_000) & (frequencies < 19_500)
        assert np.median(loud[treble] - quiet[treble]) > 6
        assert np.median(loud[treble]) > loud.max() - 80
        level = 10 * np.log10(power + 1e-14)
        low, high = level[(frequencies > 1_000) & (frequencies < 4_000)], level[(frequencies > 5_000) & (frequencies < 16_000)]
        correlations.append(np.corrcoef(low.mean(axis=0), high.mean(axis=0))[0, 1])
    assert max(correlations) > 0.4


def test_clips_do_not_clip_and_are_stereo_but_for_a_few(clips):
    planned = plan(seed=0, minutes=10.0)
    assert 0.05 < np.mean([clip.identical for clip in planned]) < 0.25
    for audio in (audio for made in clips.values() for audio in made):
        assert 0.2 < np.abs(audio).max() <= 1
    alike = synthesise(next(clip for clip in planned if clip.identical), 0)
    assert np.array_equal(alike[0], alike[1])
