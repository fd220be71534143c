"""Means, intervals and their names."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from saga_kedro.evaluation.names import metric_name
from saga_kedro.evaluation.summary import flatten, interval, summarise


def scores(lines):
    table = pd.DataFrame(lines, columns=["row", "category", "cutoff_khz", "metric", "value"])
    return table.assign(pair_id=table.index.astype(str), clip_id=table.index.astype(str), group="g")


def test_the_interval_is_students():
    values = np.array([1.0, 1.4, 0.7, 1.1, 2.0])
    assert interval(values) == pytest.approx(stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values)))


def test_means_are_per_row_category_cutoff_and_metric():
    lines = [("ours", "speech", 4.0, "LSD", 1.0), ("ours", "speech", 4.0, "LSD", 2.0), ("ours", "speech", 8.0, "LSD", 5.0)]
    lines += [("codec", "speech", 4.0, "LSD", 0.5), ("ours", "music", 4.0, "SI-SDR", -3.0)]
    summary = summarise(scores(lines))
    ours = {"eval/LSD/speech/4kHz": 1.5, "eval/LSD/speech/8kHz": 5.0, "eval/SI-SDR/music/4kHz": -3.0}
    assert flatten(summary) == ours | {"eval_codec/LSD/speech/4kHz": 0.5}
    assert list(summary["clips"]) == [2, 1, 1, 1]


def test_missing_values_count_nowhere_and_stay_missing():
    lines = [("ours", "speech", 4.0, "LSD", 1.0), ("ours", "speech", 4.0, "LSD", math.nan)]
    summary = summarise(scores([*lines, ("ours", "music", 4.0, "LSD", math.nan)]))
    assert flatten(summary) == {"eval/LSD/speech/4kHz": 1.0}
    assert summary["clips"].tolist() == [1]
    assert math.isnan(summary["low"][0])
    assert flatten(summarise(scores([]))) == {}


def test_names_are_the_same_for_whole_and_float_cutoffs_and_pass_mlflow():
    assert metric_name("ours", "LSD", "speech", 4) == metric_name("ours", "LSD", "speech", 4.0) == "eval/LSD/speech/4kHz"
    assert metric_name("untouched", "SI-SDR", "music", 5.5) == "eval_untouched/SI-SDR/music/5.5kHz"
    assert metric_name("my/system:é", "LSD", "speech", 8) == "eval_my_system__/LSD/speech/8kHz"
